import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { ArticleController } from './article.controller.ts';
import { Article } from './article.entity.ts';
import { ArticleService } from './article.service.ts';
import { Comment } from './comment.entity.ts';

@Module({
  imports: [MikroOrmModule.forFeature([Article, Comment])],
  controllers: [ArticleController],
  providers: [ArticleService],
})
export class ArticleModule {}
