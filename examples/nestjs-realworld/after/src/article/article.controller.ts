import { Body, Controller, Delete, Get, HttpCode, Param, ParseIntPipe, Post, Put, Query } from '@nestjs/common';
import { LoggedIn, Viewer } from '../user/auth.guard.ts';
import type { User } from '../user/user.entity.ts';
import type { ArticleInput } from './article.entity.ts';
import { type ArticleQuery, ArticleService } from './article.service.ts';

@Controller()
export class ArticleController {
  constructor(private readonly articles: ArticleService) {}

  @Get('articles')
  list(@Query() query: ArticleQuery, @Viewer() viewer?: User) {
    return this.articles.list(viewer, query);
  }

  @Get('articles/feed')
  feed(@Query() query: ArticleQuery, @LoggedIn() viewer: User) {
    return this.articles.feed(viewer, query);
  }

  @Get('articles/:slug')
  show(@Param('slug') slug: string, @Viewer() viewer?: User) {
    return this.articles.show(slug, viewer);
  }

  @Post('articles')
  publish(@LoggedIn() author: User, @Body('article') article: ArticleInput) {
    return this.articles.publish(author, article);
  }

  @Put('articles/:slug')
  update(@LoggedIn() author: User, @Param('slug') slug: string, @Body('article') changes: Partial<ArticleInput>) {
    return this.articles.update(author, slug, changes);
  }

  @Delete('articles/:slug')
  @HttpCode(204)
  remove(@LoggedIn() author: User, @Param('slug') slug: string) {
    return this.articles.remove(author, slug);
  }

  @Post('articles/:slug/favorite')
  @HttpCode(200)
  favorite(@LoggedIn() viewer: User, @Param('slug') slug: string) {
    return this.articles.favorite(viewer, slug, true);
  }

  @Delete('articles/:slug/favorite')
  unfavorite(@LoggedIn() viewer: User, @Param('slug') slug: string) {
    return this.articles.favorite(viewer, slug, false);
  }

  @Get('articles/:slug/comments')
  listComments(@Param('slug') slug: string, @Viewer() viewer?: User) {
    return this.articles.listComments(slug, viewer);
  }

  @Post('articles/:slug/comments')
  comment(@LoggedIn() author: User, @Param('slug') slug: string, @Body('comment') { body }: { body: string }) {
    return this.articles.comment(author, slug, body);
  }

  @Delete('articles/:slug/comments/:id')
  @HttpCode(204)
  removeComment(@LoggedIn() author: User, @Param('slug') slug: string, @Param('id', ParseIntPipe) id: number) {
    return this.articles.removeComment(author, slug, id);
  }

  @Get('tags')
  tags() {
    return this.articles.tags();
  }
}
