import { useState } from 'preact/hooks';

/** A text to copy by its button, or by a click on it: without HTTPS there is no clipboard. */
export function Copyable({ label, text }: { label: string; text: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <p class="copyable">
      <small>{label}</small>
      <code>{text}</code>
      {navigator.clipboard && (
        <button
          type="button"
          class="plain"
          aria-label={`Copy the ${label}`}
          onClick={() => navigator.clipboard.writeText(text).then(() => setCopied(true))}
        >
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      )}
    </p>
  );
}
