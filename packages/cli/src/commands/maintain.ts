import { addMove } from '../move.ts';
import type { Program } from '../program.ts';

export function maintain(program: Program): void {
  addMove(program, {
    verb: 'maintain',
    summary: 'close tenants for a while',
    description: 'Closes active tenants for a while: their callers are told to try again later.',
  });
}
