import { Entity, ManyToMany, OneToMany, PrimaryKey, Property, Unique } from '@mikro-orm/decorators/legacy';
import { Collection, type Opt } from '@mikro-orm/postgresql';
import { Article } from '../article/article.entity.ts';

@Entity()
export class User {
  @PrimaryKey()
  id!: number;

  @Property()
  @Unique()
  username: string;

  @Property()
  @Unique()
  email: string;

  @Property({ type: 'text' })
  bio: string & Opt = '';

  @Property({ type: 'text' })
  image: string & Opt = '';

  @Property({ hidden: true, lazy: true })
  password: string;

  @ManyToMany({ entity: () => Article, inversedBy: 'favoritedBy', pivotTable: 'user_favorites' })
  favorites = new Collection<Article>(this);

  @ManyToMany({
    entity: () => User,
    inversedBy: 'followers',
    pivotTable: 'user_follows',
    joinColumn: 'follower_id',
    inverseJoinColumn: 'followed_id',
  })
  following = new Collection<User>(this);

  @ManyToMany({ entity: () => User, mappedBy: 'following' })
  followers = new Collection<User>(this);

  @OneToMany(
    () => Article,
    (article) => article.author,
  )
  articles = new Collection<Article>(this);

  constructor(username: string, email: string, password: string) {
    this.username = username;
    this.email = email;
    this.password = password;
  }

  /** What others see of the user. The viewer's `following` has to be loaded. */
  profileFor(viewer: User | undefined) {
    const { username, bio, image } = this;
    return { username, bio, image, following: viewer?.following.contains(this) ?? false };
  }
}
