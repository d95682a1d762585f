/** What was done, where that is only known to be between two numbers: the one of them that is next to what was counted, else that itself. */
export function between(counted: number, least: number, most: number): number {
  return Math.min(Math.max(counted, least), most);
}
