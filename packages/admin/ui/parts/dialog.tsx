import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ErrorNote } from './states.tsx';

/** A question before something is done. */
export interface Question {
  readonly title: string;
  /** What will happen, in a sentence or two. */
  readonly says: string;
  readonly button: string;
  /** What has to be typed first, for what cannot be undone. */
  readonly type?: string;
  readonly isDangerous?: boolean;
  readonly fields?: readonly Field[];
  run(values: Readonly<Record<string, string>>): Promise<unknown>;
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly optional?: boolean;
}

const question = signal<Question | undefined>(undefined);

export const ask = (asked: Question): void => {
  question.value = asked;
};

/** Where questions are asked. */
export function Questions() {
  const asked = question.value;
  return asked ? <Asked key={asked.title} {...asked} /> : null;
}

function Asked({ title, says, button, type, isDangerous = type !== undefined, fields = [], run }: Question) {
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const close = () => {
    question.value = undefined;
  };
  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.currentTarget as HTMLFormElement)) as Record<string, string>;
    setBusy(true);
    setError(undefined);
    await run(values).then(close, setError);
    setBusy(false);
  }
  return (
    <Modal label={title} close={close}>
      <form onSubmit={submit}>
        <h2>{title}</h2>
        <p>{says}</p>
        {fields.map((field) => (
          <FieldRow key={field.name} {...field} />
        ))}
        {type && (
          <label class="field">
            <span>
              Type <code>{type}</code> to confirm
            </span>
            <input
              name="confirm"
              autocomplete="off"
              spellcheck={false}
              onInput={(e) => setTyped(e.currentTarget.value)}
            />
          </label>
        )}
        {error && <ErrorNote error={error} />}
        <footer>
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button
            type="submit"
            class={isDangerous ? 'danger' : 'primary'}
            disabled={busy || (type !== undefined && typed !== type)}
          >
            {button}
          </button>
        </footer>
      </form>
    </Modal>
  );
}

function FieldRow({ name, label, hint, value = '', choices, optional }: Field) {
  const props = { id: name, name, defaultValue: value, required: !optional };
  // An input would take the ends of lines out of it.
  const typed = /[\r\n]/.test(value) ? <textarea {...props} rows={4} /> : <input {...props} autocomplete="off" />;
  return (
    <label class="field" for={name}>
      <span>
        {label} {optional && <small>optional</small>}
      </span>
      {choices ? (
        <select id={name} name={name}>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice || '–'}
            </option>
          ))}
        </select>
      ) : (
        typed
      )}
      {hint && <small>{hint}</small>}
    </label>
  );
}

/** A dialog that the browser keeps the focus in, and that Escape closes. */
export function Modal({
  label,
  close,
  children,
  wide,
}: {
  label: string;
  close(): void;
  children: ComponentChildren;
  wide?: boolean;
}) {
  const node = useRef<HTMLDialogElement>(null);
  // At once, not after the next paint: what is typed after the key that opened it belongs in here.
  useLayoutEffect(() => node.current?.showModal(), []);
  return (
    <dialog
      ref={node}
      aria-label={label}
      class={wide ? 'wide' : ''}
      onClose={close}
      onMouseDown={(e) => e.target === node.current && close()}
    >
      {children}
    </dialog>
  );
}
