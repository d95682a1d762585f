import { EntityManager } from '@mikro-orm/postgresql';
import { Controller, Delete, Get, HttpCode, NotFoundException, Param, Post } from '@nestjs/common';
import { LoggedIn, Viewer } from '../user/auth.guard.ts';
import { User } from '../user/user.entity.ts';

@Controller('profiles/:username')
export class ProfileController {
  constructor(private readonly em: EntityManager) {}

  @Get()
  async show(@Param('username') username: string, @Viewer() viewer?: User) {
    return { profile: (await this.find(username)).profileFor(viewer) };
  }

  @Post('follow')
  @HttpCode(200)
  async follow(@Param('username') username: string, @LoggedIn() viewer: User) {
    viewer.following.add(await this.find(username));
    await this.em.flush();
    return this.show(username, viewer);
  }

  @Delete('follow')
  async unfollow(@Param('username') username: string, @LoggedIn() viewer: User) {
    viewer.following.remove(await this.find(username));
    await this.em.flush();
    return this.show(username, viewer);
  }

  private find(username: string): Promise<User> {
    return this.em.findOneOrFail(User, { username }, { failHandler: () => new NotFoundException() });
  }
}
