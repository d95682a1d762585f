import { Entity, ManyToMany, ManyToOne, OneToMany, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { ArrayType, Collection, type Rel } from '@mikro-orm/postgresql';
import { User } from '../user/user.entity.ts';
import { Comment } from './comment.entity.ts';

@Entity()
export class Article {
  @PrimaryKey()
  id!: number;

  @Property()
  @Unique()
  slug: string;

  @Property()
  title: string;

  @Property()
  description: string;

  @Property({ type: 'text' })
  body: string;

  @Property({ type: ArrayType })
  tagList: string[];

  @Property()
  createdAt: Date = new Date();

  @Property({ onUpdate: () => new Date() })
  updatedAt: Date = new Date();

  @ManyToOne(() => User)
  author: Rel<User>;

  @OneToMany(
    () => Comment,
    (comment) => comment.article,
    { orphanRemoval: true },
  )
  comments = new Collection<Comment>(this);

  @ManyToMany({ entity: () => User, mappedBy: 'favorites' })
  favoritedBy = new Collection<User>(this);

  constructor(author: Rel<User>, { title, description, body, tagList = [] }: ArticleInput) {
    this.author = author;
    this.slug = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
    this.title = title;
    this.description = description;
    this.body = body;
    this.tagList = tagList;
  }

  /** The answer to a viewer, whose favorites and following have to be loaded. */
  viewFor(viewer: User | undefined) {
    const { slug, title, description, body, tagList, createdAt, updatedAt } = this;
    return {
      ...{ slug, title, description, body, tagList, createdAt, updatedAt },
      favorited: viewer?.favorites.contains(this) ?? false,
      favoritesCount: this.favoritedBy.count(),
      author: this.author.profileFor(viewer),
    };
  }
}

export interface ArticleInput {
  title: string;
  description: string;
  body: string;
  tagList?: string[];
}
