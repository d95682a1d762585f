import type { EntityManager } from '@mikro-orm/postgresql';
import { Project, Task } from './entities.ts';

/** A company's projects. It is made once, for all companies: its EntityManager is that of the company that a request is for. */
export class ProjectService {
  private readonly em: EntityManager;

  constructor(em: EntityManager) {
    this.em = em;
  }

  list(): Promise<Project[]> {
    return this.em.find(Project, {}, { orderBy: { key: 'asc' } });
  }

  find(key: string): Promise<Project | null> {
    return this.em.findOne(Project, { key }, { populate: ['tasks'] });
  }

  async add(project: { readonly key: string; readonly name: string }): Promise<void> {
    await this.em.insert(Project, project);
  }

  /** Adds a task to a project, if there is one of that key. */
  async addTask(key: string, title: string): Promise<Task | undefined> {
    const project = await this.em.findOne(Project, { key });
    if (!project) return undefined;
    const task = this.em.create(Task, { title, project });
    await this.em.flush();
    return task;
  }
}
