import type { VerifiedGroup, VerifyReport } from '@omnitenant/orm';
import { paint } from '../terminal/output.ts';
import { someTenants } from './tenant-summary.ts';

/** Whether everything is as it has to be, now that what could be fixed is. */
export function isWell({ groups }: VerifyReport): boolean {
  return groups.every(({ fixed }) => fixed);
}

/** A report as text: each problem with its tenants and what is different, and how many tenants are well. */
export function verifyText(report: VerifyReport): string {
  return [...report.groups.map(groupText), totalOf(report)].join('\n\n');
}

function groupText({ message, differences, tenants, fixed }: VerifiedGroup): string {
  const more = differences.length - shownDifferences;
  return [
    paint(fixed ? 'green' : 'red', `${fixed ? 'fixed: ' : ''}${someTenants(tenants)}`),
    `  ${message}`,
    ...differences.slice(0, shownDifferences).map((difference) => `  - ${difference}`),
    ...(more > 0 ? [`  - and ${more} more, which --json shows`] : []),
  ].join('\n');
}

/** How many tenants there are, and how many of them are well. */
function totalOf({ well, groups }: VerifyReport): string {
  const total = groups.reduce((count, { tenants }) => count + tenants.length, well);
  return paint(
    well === total ? 'green' : 'bold',
    `${well} of ${total} ${total === 1 ? 'tenant is' : 'tenants are'} what their migrations make`,
  );
}

const shownDifferences = 20;
