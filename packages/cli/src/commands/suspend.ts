import { addMove } from '../move.ts';
import type { Program } from '../program.ts';

export function suspend(program: Program): void {
  addMove(program, {
    verb: 'suspend',
    summary: 'close tenants at every door',
    description: 'Closes active tenants at every door.',
  });
}
