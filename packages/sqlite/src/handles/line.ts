/** Lets one after the other through, in the order in which they came. */
export interface Line {
  isTaken(): boolean;
  /** Resolves to whether it is the caller's turn: not if that took longer than `waitMs`. `undefined` where nobody is in front. */
  enter(waitMs: number): Promise<boolean> | undefined;
  /** Ends the turn of whoever had it. */
  leave(): void;
}

export function createLine(): Line {
  const waiting: ((isTurn: boolean) => void)[] = [];
  let isTaken = false;

  return {
    isTaken: () => isTaken,

    enter(waitMs) {
      if (!isTaken) {
        isTaken = true;
        return undefined;
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(go), 1);
          resolve(false);
        }, waitMs);
        function go(isTurn: boolean): void {
          clearTimeout(timer);
          resolve(isTurn);
        }
        waiting.push(go);
      });
    },

    leave() {
      const next = waiting.shift();
      if (next === undefined) isTaken = false;
      else next(true);
    },
  };
}
