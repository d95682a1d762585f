import { InjectRepository } from '@mikro-orm/nestjs';
import { EntityManager, EntityRepository, type FilterQuery } from '@mikro-orm/postgresql';
import { ForbiddenException, Injectable, NotFoundException } from '@nestjs/common';
import type { User } from '../user/user.entity.ts';
import { Article, type ArticleInput } from './article.entity.ts';
import { Comment } from './comment.entity.ts';

export interface ArticleQuery {
  tag?: string;
  author?: string;
  favorited?: string;
  limit?: number;
  offset?: number;
}

@Injectable()
export class ArticleService {
  constructor(
    private readonly em: EntityManager,
    @InjectRepository(Article) private readonly articles: EntityRepository<Article>,
    @InjectRepository(Comment) private readonly comments: EntityRepository<Comment>,
  ) {}

  async list(viewer: User | undefined, { tag, author, favorited, ...page }: ArticleQuery) {
    const where: FilterQuery<Article> = {};
    if (tag !== undefined) where.tagList = { $contains: [tag] };
    if (author !== undefined) where.author = { username: author };
    if (favorited !== undefined) where.favoritedBy = { username: favorited };
    return this.page(viewer, where, page);
  }

  feed(viewer: User, page: ArticleQuery) {
    return this.page(viewer, { author: { followers: viewer } }, page);
  }

  async show(slug: string, viewer?: User) {
    return { article: (await this.find(slug)).viewFor(viewer) };
  }

  async publish(author: User, input: ArticleInput) {
    const article = new Article(author, input);
    await this.em.persist(article).flush();
    return { article: article.viewFor(author) };
  }

  async update(author: User, slug: string, changes: Partial<ArticleInput>) {
    const article = this.em.assign(await this.findOwn(author, slug), changes);
    await this.em.flush();
    return { article: article.viewFor(author) };
  }

  async remove(author: User, slug: string): Promise<void> {
    await this.em.remove(await this.findOwn(author, slug)).flush();
  }

  async favorite(viewer: User, slug: string, isFavorite: boolean) {
    const article = await this.find(slug);
    if (isFavorite) viewer.favorites.add(article);
    else viewer.favorites.remove(article);
    await this.em.flush();
    return { article: article.viewFor(viewer) };
  }

  async listComments(slug: string, viewer?: User) {
    const found = await this.comments.find({ article: { slug } }, { populate: ['author'], orderBy: { id: 'asc' } });
    return { comments: found.map((comment) => comment.viewFor(viewer)) };
  }

  async comment(author: User, slug: string, body: string) {
    const comment = new Comment(author, await this.find(slug), body);
    await this.em.persist(comment).flush();
    return { comment: comment.viewFor(author) };
  }

  async removeComment(author: User, slug: string, id: number): Promise<void> {
    await this.comments.nativeDelete({ id, author, article: { slug } });
  }

  async tags(): Promise<{ tags: string[] }> {
    const rows = await this.em.execute<{ tag: string }[]>(
      'select distinct unnest(tag_list) as tag from article order by tag',
    );
    return { tags: rows.map(({ tag }) => tag) };
  }

  private async page(viewer: User | undefined, where: FilterQuery<Article>, { limit = 20, offset = 0 }: ArticleQuery) {
    const [found, articlesCount] = await this.articles.findAndCount(where, {
      populate: ['author', 'favoritedBy'],
      orderBy: { createdAt: 'desc', id: 'desc' },
      limit: Number(limit),
      offset: Number(offset),
    });
    return { articles: found.map((article) => article.viewFor(viewer)), articlesCount };
  }

  private find(slug: string): Promise<Article> {
    const failHandler = () => new NotFoundException();
    return this.articles.findOneOrFail({ slug }, { populate: ['author', 'favoritedBy'], failHandler });
  }

  private async findOwn(author: User, slug: string): Promise<Article> {
    const article = await this.find(slug);
    if (article.author !== author) throw new ForbiddenException();
    return article;
  }
}
