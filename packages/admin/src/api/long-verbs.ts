import type { MoveStep, TenantInput } from '@omnitenant/core';
import { redact } from '@omnitenant/core/extend';
import type { VerifyReport } from '@omnitenant/orm';
import type { ApiParts, Handlers } from './handlers.ts';
import type { LongResult } from './operation-runner.ts';
import { givenConfig, ownColumns } from './record-input.ts';
import { tenantOperations } from './tenant-operations.ts';

type Names =
  | 'createTenant'
  | 'adoptTenant'
  | 'repairTenant'
  | 'migrateTenant'
  | 'verifyTenant'
  | 'moveTenant'
  | 'undoMove'
  | 'giveUpMove'
  | 'clearTenant'
  | 'resetTenant'
  | 'removeTenant';

type Settings = Readonly<Record<string, unknown>>;
type Given = Settings & { readonly columns?: Settings | undefined; readonly config?: Settings | undefined };

/** The verbs of one tenant that go on after they are answered. */
export function longVerbHandlers({ tenancy, orm, operations }: ApiParts): Handlers<Names> {
  const { tenants } = tenancy;
  const { begin, beginOn } = tenantOperations(orm, operations);

  const done = (work: Promise<unknown>): Promise<LongResult> => work.then(() => ({}));

  return {
    async createTenant(call) {
      const input = inputOf(call.body);
      return begin('create', input.id, call, () => done(tenants.create(input)));
    },
    async adoptTenant(call) {
      const { at, confirm, ...body } = call.body;
      const input = inputOf(body);
      return begin('adopt', input.id, call, () => done(tenants.adopt(input, at === undefined ? {} : { at })));
    },
    repairTenant: (call) => beginOn('repair', call, (id) => done(tenants.repair(id))),
    migrateTenant: (call) => beginOn('migrate', call, (id) => done(tenants.migrate(id))),
    verifyTenant: (call) =>
      beginOn('verify', call, async (id) =>
        verified(await orm.migrations.verify({ tenants: [id], fix: call.body.fix })),
      ),
    moveTenant: (call) =>
      beginOn('move', call, (id, report) => {
        const { reason, online, ...target } = call.body;
        const begun = new Set<MoveStep>();
        const onProgress = ({ step }: { step: MoveStep }) => {
          // An online move copies before it seals, and more than once.
          begun.add(step);
          report({ done: begun.size - 1, total: moveSteps, failed: 0 });
        };
        return done(tenants.move(id, Object.keys(target).length > 0 ? target : undefined, { onProgress, online }));
      }),
    undoMove: (call) => beginOn('undo-move', call, (id) => done(tenants.undoMove(id))),
    giveUpMove: (call) => beginOn('undo-move', call, (id) => done(tenants.undoMove(id, { forget: true }))),
    clearTenant: (call) => beginOn('clear', call, (id) => done(tenants.repair(id, { clear: true }))),
    resetTenant: (call) => beginOn('reset', call, (id) => done(tenants.reset(id))),
    removeTenant: (call) => beginOn('remove', call, (id) => done(tenants.remove(id))),
  };
}

/** The number of steps of a move: create, seal and copy in either order, switch, drop. */
const moveSteps = 5;

/** The result of a verification, which has failed where a tenant is not what its migrations make. */
export function verified({ well, groups }: VerifyReport): LongResult {
  const found = groups.map((group) => ({ ...group, message: redact(group.message) }));
  const wrong = groups.filter(({ fixed }) => !fixed).reduce((count, { tenants }) => count + tenants.length, 0);
  const message = `${wrong} tenants are not what their migrations make; the result says how.`;
  return { result: { well, groups: found }, error: wrong > 0 ? { code: 'MIGRATE_FAILED', message } : undefined };
}

function inputOf({ columns, config = {}, reason, ...input }: Given): TenantInput {
  return { ...ownColumns(columns), ...input, config: givenConfig(config) } as unknown as TenantInput;
}
