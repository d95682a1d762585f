import { isTenancyError } from '@omnitenant/core';
import { currentScope } from '@omnitenant/core/extend';
import { testRedis } from '@omnitenant/tooling';
import { expect, test } from 'vitest';
import { FlowProducer } from '../src/index.ts';
import { openSite } from './fixtures/site.ts';

function here() {
  const scope = currentScope();
  return scope?.kind === 'tenant' ? scope.tenant.id : scope?.kind;
}

test('parents and children of a flow, at every depth and in every queue, are the tenant’s', async () => {
  await using site = await openSite(await testRedis());
  const [orders, emails] = [site.queue(), site.queue()];
  const flows = site.closing(new FlowProducer({ connection: site.connection, prefix: site.prefix }));
  const seen: string[] = [];
  async function processor(job: { name: string; getChildrenValues(): Promise<object> }) {
    seen.push(`${here()} ${job.name}`);
    return `${here()}: ${Object.values(await job.getChildrenValues()).join(', ')}`;
  }
  const works = [site.work(orders, processor as never), site.work(emails, processor as never)];
  const flow = (name: string) => ({
    name,
    queueName: orders.name,
    opts: { jobId: 'order' },
    children: [
      { name: 'invoice', queueName: emails.name, children: [{ name: 'render', queueName: orders.name }] },
      { name: 'receipt', queueName: emails.name, opts: { jobId: 'receipt', attempts: 2 } },
    ],
  });
  await site.tenancy.run('acme', () => flows.add(flow('first')));
  await site.tenancy.run('beta', () => flows.addBulk([flow('second')]));
  const settled = await works[0]?.settled(4);
  expect(seen.toSorted()).toEqual(
    ['first', 'invoice', 'receipt', 'render']
      .map((name) => `acme ${name}`)
      .concat(['invoice', 'receipt', 'render', 'second'].map((name) => `beta ${name}`)),
  );
  const results = settled?.filter(({ job }) => job.name !== 'render').map(({ job }) => job.returnvalue);
  expect(results?.map((result) => [...new Set(result.match(/[a-z]+/g))]).sort()).toEqual([['acme'], ['beta']]);
  expect(results?.map((result) => result.match(/[a-z]+/g).length)).toEqual([4, 4]);
});

test('a flow is added in a scope, under a parent of the same tenant, and shown to it only', async () => {
  await using site = await openSite(await testRedis());
  const queue = site.queue();
  const flows = site.closing(new FlowProducer({ connection: site.connection, prefix: site.prefix }));
  const flow = { name: 'parent', queueName: queue.name, children: [{ name: 'child', queueName: queue.name }] };
  await expect(flows.add(flow)).rejects.toSatisfy((error) => isTenancyError(error, 'OUTSIDE_SCOPE'));
  const { job } = await site.tenancy.run('acme', () => flows.add(flow));
  const id = job.id ?? '';
  await site.tenancy.run('beta', async () => {
    const below = flows.add({ ...flow, opts: { parent: { id, queue: queue.qualifiedName } } });
    await expect(below).rejects.toSatisfy((error) => isTenancyError(error, 'CROSS_TENANT'));
    expect(await flows.getFlow({ id, queueName: queue.name, prefix: site.prefix })).toBeUndefined();
  });
  await site.tenancy.run('acme', async () => {
    expect((await flows.getFlow({ id, queueName: queue.name, prefix: site.prefix })).children).toHaveLength(1);
  });
});

test('a job of a flow that was added in one tenant is neither read nor changed in the scope of another', async () => {
  await using site = await openSite(await testRedis());
  const { tenancy } = site;
  const queue = site.queue<string>();
  const flows = site.closing(new FlowProducer({ connection: site.connection, prefix: site.prefix }));
  const added = await tenancy.run('acme', () =>
    flows.add({
      name: 'parent',
      queueName: queue.name,
      data: 'of acme',
      children: [{ name: 'child', queueName: queue.name, data: 'of acme' }],
    }),
  );
  const read = await tenancy.run('acme', () =>
    flows.getFlow({ id: added.job.id ?? '', queueName: queue.name, prefix: site.prefix }),
  );
  await tenancy.run('beta', async () => {
    for (const { job, children = [] } of [added, read]) {
      for (const each of [job, ...children.map((child) => child.job)]) {
        await expect(each.updateData('of beta')).rejects.toMatchObject({ code: 'CROSS_TENANT' });
        await expect(each.getDependencies()).rejects.toMatchObject({ code: 'CROSS_TENANT' });
        await expect(each.remove()).rejects.toMatchObject({ code: 'CROSS_TENANT' });
      }
    }
  });
  await tenancy.run('acme', async () => {
    expect((await queue.getJobs()).map(({ data }) => data)).toEqual(['of acme', 'of acme']);
    await added.job.updateData('changed');
    expect(await read.job.getDependencies()).toMatchObject({ unprocessed: [expect.any(String)] });
    await added.job.remove();
    expect(await queue.getJobs()).toEqual([]);
  });
});
