import { Body, Controller, Get, HttpCode, Post, Put } from '@nestjs/common';
import { LoggedIn } from './auth.guard.ts';
import type { User } from './user.entity.ts';
import { type Registration, UserService } from './user.service.ts';

@Controller()
export class UserController {
  constructor(private readonly users: UserService) {}

  @Post('users')
  register(@Body('user') user: Registration) {
    return this.users.register(user);
  }

  @Post('users/login')
  @HttpCode(200)
  login(@Body('user') user: Registration) {
    return this.users.login(user);
  }

  @Get('user')
  me(@LoggedIn() user: User) {
    return this.users.answer(user);
  }

  @Put('user')
  update(@LoggedIn() user: User, @Body('user') changes: Partial<Registration>) {
    return this.users.update(user, changes);
  }
}
