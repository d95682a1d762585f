import { InjectRepository } from '@mikro-orm/nestjs';
import { EntityManager, EntityRepository, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { Injectable, UnauthorizedException, UnprocessableEntityException } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { hashPassword, isPassword } from './password.ts';
import { User } from './user.entity.ts';

export interface Registration {
  username: string;
  email: string;
  password: string;
}

@Injectable()
export class UserService {
  constructor(
    private readonly em: EntityManager,
    @InjectRepository(User) private readonly users: EntityRepository<User>,
    private readonly jwt: JwtService,
  ) {}

  async register({ username, email, password }: Registration) {
    const user = new User(username, email, await hashPassword(password));
    await this.save(user);
    return this.answer(user);
  }

  async login({ email, password }: Pick<Registration, 'email' | 'password'>) {
    const user = await this.users.findOne({ email }, { populate: ['password'] });
    if (user === null || !(await isPassword(password, user.password))) throw new UnauthorizedException();
    return this.answer(user);
  }

  async update(user: User, { password, ...changes }: Partial<Registration & Pick<User, 'bio' | 'image'>>) {
    this.em.assign(user, changes);
    if (password !== undefined) user.password = await hashPassword(password);
    await this.save(user);
    return this.answer(user);
  }

  async answer(user: User) {
    const token = await this.jwt.signAsync({ sub: String(user.id) });
    const { username, email, bio, image } = user;
    return { user: { username, email, bio, image, token } };
  }

  private async save(user: User): Promise<void> {
    try {
      await this.em.persist(user).flush();
    } catch (error) {
      if (!(error instanceof UniqueConstraintViolationException)) throw error;
      throw new UnprocessableEntityException('This name or email is taken.');
    }
  }
}
