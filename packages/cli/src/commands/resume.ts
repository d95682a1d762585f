import { addMove } from '../move.ts';
import type { Program } from '../program.ts';

export function resume(program: Program): void {
  addMove(program, {
    verb: 'resume',
    summary: 'open tenants again',
    description: 'Opens tenants that are suspended, under maintenance or archived.',
  });
}
