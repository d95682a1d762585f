import type { CompanyData } from './companies.ts';
import { Customer, Project, Task } from './entities.ts';
import type { Tracker } from './tenancy.ts';

/** Makes the company's tenant, with its tables, and loads its rows. */
export async function addCompany({ tenancy, orm }: Tracker, data: CompanyData, isolation: string) {
  const { id, name, plan, domain } = data;
  const company = await tenancy.tenants.create({
    id,
    name,
    plan,
    isolation,
    domains: [{ host: domain, primary: true }],
  });
  await tenancy.run(company, async () => {
    for (const [customerName, projects] of Object.entries(data.customers)) {
      const customer = orm.em.create(Customer, { name: customerName });
      for (const [projectName, { done, open }] of Object.entries(projects)) {
        const project = orm.em.create(Project, { name: projectName, customer });
        for (const title of done) orm.em.create(Task, { title, project, done: true });
        for (const title of open) orm.em.create(Task, { title, project });
      }
    }
    await orm.em.flush();
  });
  return data.suspended ? tenancy.tenants.suspend(id) : company;
}
