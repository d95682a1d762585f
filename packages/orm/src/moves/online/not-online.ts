/** Why a tenant cannot be written to while it is copied, and what to do so that it can. */
export interface NotOnline {
  /** Ends a sentence, without its full stop. */
  readonly why: string;
  /** Begins a sentence. */
  readonly remedy: string;
}
