import { MikroOrmModule } from '@mikro-orm/nestjs';
import { MikroORM } from '@mikro-orm/postgresql';
import { Module, type OnModuleInit } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { ArticleModule } from './article/article.module.ts';
import config from './mikro-orm.config.ts';
import { ProfileModule } from './profile/profile.module.ts';
import { SECRET } from './secret.ts';
import { UserModule } from './user/user.module.ts';

@Module({
  imports: [
    MikroOrmModule.forRoot(config),
    JwtModule.register({ global: true, secret: SECRET, signOptions: { expiresIn: '60d' } }),
    UserModule,
    ProfileModule,
    ArticleModule,
  ],
})
export class AppModule implements OnModuleInit {
  constructor(private readonly orm: MikroORM) {}

  async onModuleInit(): Promise<void> {
    await this.orm.migrator.up();
  }
}
