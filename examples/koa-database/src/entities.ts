import { defineEntity, p } from '@mikro-orm/core';

// None declares a scope, so all are the tenant's: each company's database has these tables.

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
