import { defineEntity, p } from '@mikro-orm/core';
import { TenantSchema } from '@omnitenant/orm';

/** The tenant: who has an account with the tracker. It adds a column of its own to omnitenant's. */
const CompanySchema = defineEntity({
  name: 'Company',
  extends: TenantSchema,
  properties: { plan: p.string().default('free') },
});
export class Company extends CompanySchema.class {}
CompanySchema.setClass(Company);

// What follows declares no scope, and so is the tenant's: each company has these tables to itself.

const CustomerSchema = defineEntity({
  name: 'Customer',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    projects: () => p.oneToMany(Project).mappedBy('customer'),
  },
});
export class Customer extends CustomerSchema.class {}
CustomerSchema.setClass(Customer);

const ProjectSchema = defineEntity({
  name: 'Project',
  properties: {
    id: p.integer().primary(),
    name: p.string(),
    customer: () => p.manyToOne(Customer),
    tasks: () => p.oneToMany(Task).mappedBy('project'),
  },
});
export class Project extends ProjectSchema.class {}
ProjectSchema.setClass(Project);

const TaskSchema = defineEntity({
  name: 'Task',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    done: p.boolean().default(false),
    project: () => p.manyToOne(Project),
  },
});
export class Task extends TaskSchema.class {}
TaskSchema.setClass(Task);
