import { EntityManager } from '@mikro-orm/postgresql';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { Request } from 'express';
import { User } from './user.entity.ts';

interface AuthRequest extends Request {
  user?: User;
}

/** Reads the token, if there is one. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly jwt: JwtService,
    private readonly em: EntityManager,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthRequest>();
    const token = request.headers.authorization?.match(/^Bearer (.+)$/)?.[1];
    if (token === undefined) return true;
    const { sub } = await this.jwt.verifyAsync<{ sub: string }>(token).catch(() => {
      throw new UnauthorizedException('The token is not valid.');
    });
    request.user = await this.em.findOneOrFail(User, Number(sub), {
      populate: ['following', 'favorites'],
      failHandler: () => new UnauthorizedException('The user is gone.'),
    });
    return true;
  }
}

/** Who asks, or `undefined`. */
export const Viewer = createParamDecorator((_: unknown, context: ExecutionContext): User | undefined => {
  return context.switchToHttp().getRequest<AuthRequest>().user;
});

/** Who asks, and has to be logged in. */
export const LoggedIn = createParamDecorator((_: unknown, context: ExecutionContext): User => {
  const { user } = context.switchToHttp().getRequest<AuthRequest>();
  if (user === undefined) throw new UnauthorizedException();
  return user;
});
