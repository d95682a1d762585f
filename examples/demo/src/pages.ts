import type { MiddlewareHandler } from 'hono';
import { html } from 'hono/html';
import { companies } from './companies.ts';
import { Company, Project } from './entities.ts';
import { type LeakAttempt, tryToLeak } from './leak.ts';
import type { Tracker } from './tenancy.ts';

/** Pages for a browser: each company's own, in its colour, and on the public host the way to them and to the dashboard. */
export function pages(tracker: Tracker): MiddlewareHandler {
  const { tenancy, orm } = tracker;
  return async (c, next) => {
    const leaks = c.req.method === 'POST' && c.req.path === '/leak';
    const wantsPage = c.req.path === '/' && c.req.header('accept')?.includes('text/html');
    if (!leaks && !wantsPage) return next();
    const company = tenancy.tryCurrent();
    const port = new URL(c.req.url).port;
    if (!company) return c.html(frontPage(await orm.em.findAll(Company), port));
    const projects = await orm.em.find(Project, {}, { populate: ['customer', 'tasks'], orderBy: { id: 'asc' } });
    const other = companies.find(({ id }) => id !== company.id) ?? company;
    const attempts = leaks ? await tryToLeak(tracker, other.id) : undefined;
    return c.html(companyPage(company, projects, { name: other.name, attempts }));
  };
}

interface Other {
  readonly name: string;
  readonly attempts: readonly LeakAttempt[] | undefined;
}

function companyPage(
  { id, name, plan }: { id: string; name: string; plan: string },
  projects: Project[],
  other: Other,
) {
  const body = html`
    <header><h1>${name}</h1><p>${plan} plan</p></header>
    <main>
      <section class="leak">
        <form method="post" action="/leak"><button>Try to leak</button></form>
        <p>Runs SQL in this company’s scope that asks for what belongs to ${other.name}.</p>
        ${other.attempts?.map(attempt)}
      </section>
      ${projects.map(
        (project) => html`
        <section>
          <h2>${project.name} <small>for ${project.customer.name}</small></h2>
          <ul>${project.tasks.map(({ title, done }) => html`<li class="${done ? 'done' : ''}">${title}</li>`)}</ul>
        </section>`,
      )}
    </main>`;
  return layout(name, colorOf(id), body);
}

function attempt({ aim, sql, refusal, rows }: LeakAttempt) {
  return html`<dl><dt>${aim}</dt><dd><code>${sql}</code></dd>
    <dd class="${refusal ? 'refused' : 'answered'}">${refusal ?? `${rows} rows`}</dd></dl>`;
}

function frontPage(all: readonly { id: string; name: string; status: string }[], port: string) {
  const links = all.map(
    ({ id, name, status }) => html`
      <a class="card" href="http://${id}.localhost:${port}/" style="--color: ${colorOf(id)}">
        <b>${name}</b><span>${id}.localhost:${port}</span><span>${status}</span>
      </a>`,
  );
  const body = html`
    <header>
      <h1>One application, ${all.length} companies</h1>
      <p>Each has a host, a schema and a role of PostgreSQL of its own. Open one, and try to leak.</p>
    </header>
    <main class="cards">${links}
      <a class="card" href="/admin/"><b>Dashboard</b><span>the control plane, on this host alone</span></a>
    </main>`;
  return layout('omnitenant', '#3b4fc4', body);
}

const colorOf = (company: string): string => companies.find(({ id }) => id === company)?.color ?? '#3b4fc4';

function layout(title: string, color: string, body: unknown) {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${style}</style></head><body style="--color: ${color}">${body}</body></html>`;
}

const style = `
body { margin: 0; font: 15px/1.5 Inter, system-ui, sans-serif; background: #f6f6f4; color: #1b1c1e }
header { padding: 28px max(24px, 50vw - 480px); background: var(--color); color: #fff }
h1 { margin: 0; font-size: 26px } header p { margin: 0 }
h2 { margin: 0 0 8px; font-size: 15px } small, .card span { color: #63656b; font-weight: 400 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 16px; max-width: 960px; margin: 24px auto; padding: 0 24px }
section, .card { padding: 16px; border: 1px solid #e4e3df; border-radius: 10px; background: #fff }
ul { margin: 0; padding-left: 20px } .done { color: #63656b; text-decoration: line-through }
.leak { grid-column: 1 / -1 } .leak p { margin: 8px 0 0; color: #63656b }
button { padding: 8px 16px; border: 0; border-radius: 7px; background: var(--color); color: #fff; font: inherit; cursor: pointer }
dl { margin: 12px 0 0; padding-top: 12px; border-top: 1px solid #e4e3df } dd { margin: 0 } dt { font-weight: 600 }
code { font-size: 13px } .refused { color: #b3261e } .answered { color: #17713f }
.card { display: grid; border-left: 6px solid var(--color); color: inherit; text-decoration: none }
`;
