import { Module, type OnModuleInit } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { TenancyModule } from '@omnitenant/nestjs';
import { ArticleModule } from './article/article.module.ts';
import { ProfileModule } from './profile/profile.module.ts';
import { SECRET } from './secret.ts';
import { orm, tenancy } from './tenancy.ts';
import { UserModule } from './user/user.module.ts';

@Module({
  imports: [
    TenancyModule.forRoot({ tenancy, orm }),
    JwtModule.register({ global: true, secret: SECRET, signOptions: { expiresIn: '60d' } }),
    UserModule,
    ProfileModule,
    ArticleModule,
  ],
})
export class AppModule implements OnModuleInit {
  async onModuleInit(): Promise<void> {
    await tenancy.migrateCentral();
    await orm.migrations.up();
  }
}
