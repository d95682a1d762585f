import { defineEntity, p } from '@mikro-orm/core';
import { TenantSchema } from '@omnitenant/orm';

/** The tenant, in central, with a column of its own. */
const CompanySchema = defineEntity({
  name: 'Company',
  extends: TenantSchema,
  properties: { plan: p.string().default('free') },
});
export class Company extends CompanySchema.class {}
CompanySchema.setClass(Company);

// What follows declares no scope, and so is the tenant's: each company has these tables to itself.

const ProjectSchema = defineEntity({
  name: 'Project',
  properties: {
    id: p.integer().primary(),
    key: p.string().unique(),
    name: p.string(),
    tasks: () => p.oneToMany(Task).mappedBy('project').orderBy({ id: 'asc' }),
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
