import { ProblemError } from '../problem.ts';

type Settings = Readonly<Record<string, unknown>>;

/** What the API shows in place of a secret, which is no value: `***`, `scheme://***@host` and `password=***`. */
const masked = /^\*\*\*$|:\/\/\*\*\*@|[=:]\s{0,9}\*\*\*/;

/** The columns that each tenant has. They have operations of their own. */
const known = [
  'id',
  'name',
  'status',
  'isolation',
  'placement',
  'config',
  'domains',
  'retainUntil',
  'createdAt',
  'updatedAt',
];

/** A config that is given. @throws INPUT_INVALID for what is shown in place of a secret. */
export function givenConfig(config: Settings): Settings {
  refuseMasked(config, 'config');
  return config;
}

/** The settings with a merge patch (RFC 7396) applied. */
export function mergePatch(settings: Settings, patch: Settings): Record<string, unknown> {
  const merged = { ...settings };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else if (isSettings(value)) merged[name] = mergePatch(isSettings(merged[name]) ? merged[name] : {}, value);
    else merged[name] = value;
  }
  return merged;
}

/** The application's own columns. @throws INPUT_INVALID for one that is not its own, and for what is shown in place of a secret. */
export function ownColumns(columns: Settings = {}): Settings {
  const foreign = Object.keys(columns).find((name) => known.includes(name));
  if (foreign !== undefined) throw refused(`columns.${foreign}`, "It is not one of the application's own columns.");
  refuseMasked(columns, 'columns');
  return columns;
}

function refuseMasked(value: unknown, path: string): void {
  if (typeof value === 'string' && masked.test(value)) {
    throw refused(path, 'It is shown in place of a secret; leave it out to keep the secret, or give the secret.');
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, held] of Object.entries(value)) refuseMasked(held, `${path}.${name}`);
}

function isSettings(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(path: string, message: string): ProblemError {
  return new ProblemError('INPUT_INVALID', 'The body is not valid for this operation.', [
    { path: `body.${path}`, message },
  ]);
}
