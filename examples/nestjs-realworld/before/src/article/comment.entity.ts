import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import type { Rel } from '@mikro-orm/postgresql';
import { User } from '../user/user.entity.ts';
import { Article } from './article.entity.ts';

@Entity()
export class Comment {
  @PrimaryKey()
  id!: number;

  @Property({ type: 'text' })
  body: string;

  @Property()
  createdAt: Date = new Date();

  @ManyToOne(() => Article, { deleteRule: 'cascade' })
  article: Rel<Article>;

  @ManyToOne(() => User)
  author: Rel<User>;

  constructor(author: Rel<User>, article: Rel<Article>, body: string) {
    this.author = author;
    this.article = article;
    this.body = body;
  }

  viewFor(viewer: User | undefined) {
    const { id, body, createdAt, author } = this;
    return { id, body, createdAt, author: author.profileFor(viewer) };
  }
}
