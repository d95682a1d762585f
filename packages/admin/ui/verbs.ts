import type { Permission } from '../src/operator.ts';
import type { TenantDetail } from '../src/schemas/tenant.ts';
import { change, given, online, placed, reason, target, type Values } from './change.ts';
import type { Field, Question } from './parts/dialog.tsx';

/** Something that an operator may do to a tenant. */
export interface Verb {
  readonly label: string;
  readonly says: string;
  readonly needs: Permission;
  /** The statuses in which it can be done. */
  readonly from: readonly string[];
  readonly path: string;
  /** What is asked for; some of it only of those who may do more. */
  readonly fields?: readonly (Field & { readonly needs?: Permission })[];
  readonly body?: (values: Values) => object;
}

const open = ['active', 'suspended', 'maintenance'];
const kept = [...open, 'archived'];

export const verbs: readonly Verb[] = [
  {
    label: 'Suspend',
    says: 'Closes the tenant to requests, jobs and scripts until it is resumed. Its data stays.',
    needs: 'operate',
    from: ['active'],
    path: 'suspend',
  },
  {
    label: 'Start maintenance',
    says: 'Closes the tenant for a while: callers are told to try again later.',
    needs: 'operate',
    from: ['active', 'suspended'],
    path: 'maintain',
  },
  {
    label: 'Resume',
    says: 'Activates the tenant, so that requests and jobs enter it again.',
    needs: 'operate',
    from: ['suspended', 'maintenance', 'archived'],
    path: 'resume',
  },
  {
    label: 'Migrate',
    says: 'Applies the pending migrations of this code to the tenant’s tables.',
    needs: 'operate',
    from: open,
    path: 'migrate',
  },
  {
    label: 'Verify',
    says: 'Compares the tenant’s tables with what its migrations make, and changes nothing.',
    needs: 'operate',
    from: open,
    path: 'verify',
  },
  {
    label: 'Repair',
    says: 'Finishes a tenant whose creation has failed: recreates its storage, which was never visible, and activates it.',
    needs: 'operate',
    from: ['failed', 'provisioning'],
    path: 'repair',
  },
  {
    label: 'Move',
    says: 'Copies the tenant to another isolation, database or server, and then serves it there. It can be read all the time, and written too where the server allows it. With nothing filled in, it goes on with a move that was cut short.',
    needs: 'operate',
    from: kept,
    path: 'move',
    fields: [...target, online],
    body: placed,
  },
  {
    label: 'Undo move',
    says: 'Leaves the tenant where it is, and destroys what a move that was cut short has copied elsewhere.',
    needs: 'operate',
    from: kept,
    path: 'undo-move',
  },
  {
    label: 'Export',
    says: 'Writes everything that the tenant has to an archive, where the application keeps them. You get its name.',
    needs: 'operate',
    from: kept,
    path: 'export',
  },
  {
    label: 'Archive',
    says: 'Closes the tenant for good and keeps its storage, until a purge may remove it.',
    needs: 'operate',
    from: open,
    path: 'archive',
    fields: [
      {
        name: 'retainUntil',
        label: 'Keep until',
        hint: 'Such as 2027-06-30. A purge removes it then. Empty: for good.',
        optional: true,
        needs: 'destroy',
      },
    ],
    body: ({ retainUntil, ...rest }) => ({
      ...rest,
      ...(retainUntil && { retainUntil: new Date(retainUntil).toISOString() }),
    }),
  },
  {
    label: 'Remove',
    says: 'Closes the tenant, destroys its storage with all of its data, and deletes its record. This cannot be undone.',
    needs: 'destroy',
    from: [...kept, 'removing'],
    path: 'remove',
  },
  {
    label: 'Erase',
    says: 'Writes the tenant to an archive, where the application keeps them, and removes it once all of it is kept. This cannot be undone.',
    needs: 'destroy',
    from: kept,
    path: 'erase',
  },
  {
    label: 'Restore',
    says: 'Closes the tenant, writes its data to an archive, and replaces it by the data of the archive that you name. Its record and domains stay.',
    needs: 'destroy',
    from: open,
    path: 'restore',
    fields: [{ name: 'archive', label: 'Archive', hint: 'Its name, where the application keeps archives.' }],
  },
  {
    label: 'Reset',
    says: 'Deletes all data of the tenant and creates its storage again, empty, with all migrations. Its record and domains stay. This cannot be undone.',
    needs: 'destroy',
    from: open,
    path: 'reset',
  },
  {
    label: 'Give up move',
    says: 'Undoes a move whose server is gone for good. A place that cannot be reached is given up, with what is there: if that is the new one, the tenant is at its old place again, without what was written since the switch.',
    needs: 'destroy',
    from: kept,
    path: 'give-up-move',
  },
  {
    label: 'Clear',
    says: 'Removes a tenant whose creation has failed, with whatever exists of its storage.',
    needs: 'destroy',
    from: ['failed', 'provisioning'],
    path: 'clear',
  },
];

/** What has to be asked before the verb is sent. */
export function questionOf(verb: Verb, { id, name, etag }: TenantDetail, may: readonly Permission[]): Question {
  const destroys = verb.needs === 'destroy';
  const fields = (verb.fields ?? []).filter(({ needs }) => needs === undefined || may.includes(needs));
  return {
    title: `${verb.label} ${name}`,
    says: verb.says,
    button: verb.label,
    ...(destroys && { type: id }),
    fields: [...fields, reason],
    run: (values) => change('POST', `tenants/${id}/${verb.path}`, (verb.body ?? given)(given(values)), etag),
  };
}
