import { Router } from 'express';
import type { ProjectService } from './project-service.ts';

/** A company's routes. None names the company. */
export function projectRoutes(projects: ProjectService): Router {
  return Router()
    .get('/projects', async (_req, res) => {
      res.json((await projects.list()).map(({ key, name }) => ({ key, name })));
    })
    .post('/projects', async (req, res) => {
      const { key, name } = req.body ?? {};
      if (!isText(key) || !isText(name)) return void res.sendStatus(400);
      await projects.add({ key, name });
      res.status(201).json({ key, name });
    })
    .get('/projects/:key', async (req, res) => {
      const project = await projects.find(req.params.key);
      if (!project) return void res.sendStatus(404);
      const { key, name, tasks } = project;
      res.json({ key, name, tasks: tasks.map(({ title, done }) => ({ title, done })) });
    })
    .post('/projects/:key/tasks', async (req, res) => {
      const { title } = req.body ?? {};
      if (!isText(title)) return void res.sendStatus(400);
      const task = await projects.addTask(req.params.key, title);
      if (!task) return void res.sendStatus(404);
      res.status(201).json({ title, done: task.done });
    });
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
