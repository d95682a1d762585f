import { addMove } from '../move.ts';
import type { Program } from '../program.ts';

export function archive(program: Program): void {
  addMove(program, {
    verb: 'archive',
    summary: 'close tenants for good',
    description: 'Closes tenants for good, and keeps what they have.',
  });
}
