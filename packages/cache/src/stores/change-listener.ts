import { outside } from '@omnitenant/core';
import type { Subscriber } from '../connections/redis-client.ts';
import { subscribe } from '../connections/subscription.ts';
import type { Owner } from './owner.ts';
import type { Change } from './redis-store.ts';

/** Hears of the changes that all processes make in Redis. */
export interface ChangeListener {
  /**
   * Whether every change is heard of from now on. The first call begins to listen. `onLost` is called when changes may have been
   * missed.
   */
  isListening(handlers: ChangeHandlers): boolean;
  end(): void;
}

/** What is done about changes. */
export interface ChangeHandlers {
  readonly onChange: (owner: Owner, keys?: readonly string[]) => void;
  readonly onLost: () => void;
}

/** Listens on a channel, over a connection of its own, which is opened outside all scopes. */
export function changeListener(open: () => Subscriber, channel: string): ChangeListener {
  let isLive = false;
  let hasEnded = false;
  let end: (() => void) | undefined;

  function listen({ onChange, onLost }: ChangeHandlers): () => void {
    return subscribe(open(), channel, {
      onHeard: () => {
        isLive = true;
      },
      onLost: () => {
        isLive = false;
        onLost();
      },
      onMessage: (message) => {
        const { owner, keys } = JSON.parse(message) as Change;
        onChange(owner, keys);
      },
    });
  }

  return {
    isListening(handlers) {
      if (!hasEnded) end ??= outside(() => listen(handlers));
      return isLive;
    },

    end() {
      hasEnded = true;
      end?.();
    },
  };
}
