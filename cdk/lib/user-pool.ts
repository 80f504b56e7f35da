// The user pool of the stage, if its users are in Amazon Cognito: users, groups and an app client.

import { CfnOutput, Duration } from 'aws-cdk-lib';
import {
  AccountRecovery,
  ClientAttributes,
  UserPool as CognitoPool,
  FeaturePlan,
  Mfa,
  OAuthScope,
  type UserPoolClient,
  UserPoolClientIdentityProvider,
} from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { DataOptions, UserPoolOptions } from './stages.ts';
import { removalPolicy } from './tables.ts';

/** The groups, which are the roles of their members. A user without a group has none, and owns records all the same. */
const GROUPS = {
  admin: 'May do everything.',
  member: 'Has no other rights than a user without a group.',
} as const;
/** A token names the roles of its user until it expires. */
const ACCESS_TOKEN = Duration.minutes(15);
const REFRESH_TOKEN = Duration.days(30);
const MFA = { off: Mfa.OFF, optional: Mfa.OPTIONAL, required: Mfa.REQUIRED } as const;

export interface UserPoolProps {
  readonly name: string;
  readonly options: UserPoolOptions;
  readonly data: DataOptions;
}

export class UserPool extends Construct {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  readonly clientId: string;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: UserPoolProps,
  ) {
    super(scope, id);
    const pool = this.pool();
    for (const [groupName, description] of Object.entries(GROUPS)) {
      pool.addGroup(groupName, { groupName, description });
    }
    const client = this.client(pool);
    this.issuer = `https://${pool.userPoolProviderName}`;
    this.clientId = client.userPoolClientId;
    new CfnOutput(this, 'PoolId', { key: 'UserPoolId', value: pool.userPoolId });
    new CfnOutput(this, 'ClientId', { key: 'UserPoolClientId', value: this.clientId });
    new CfnOutput(this, 'Issuer', { key: 'TokenIssuer', value: this.issuer });
    const { signInPages } = props.options;
    if (signInPages) {
      const domain = pool.addDomain('Domain', { cognitoDomain: { domainPrefix: signInPages.domainPrefix } });
      new CfnOutput(this, 'Pages', { key: 'SignInPages', value: domain.baseUrl() });
    }
  }

  private pool(): CognitoPool {
    const { name, options, data } = this.props;
    const pool = new CognitoPool(this, 'Pool', {
      userPoolName: name,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      selfSignUpEnabled: options.selfSignUp,
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      // A changed address counts once it is confirmed: it is also the one that recovers the account.
      keepOriginal: { email: true },
      passwordPolicy: {
        minLength: 12,
        requireDigits: true,
        requireLowercase: true,
        requireUppercase: true,
        requireSymbols: true,
      },
      mfa: MFA[options.mfa],
      ...(options.mfa !== 'off' && { mfaSecondFactor: { sms: false, otp: true } }),
      featurePlan: FeaturePlan.ESSENTIALS,
      deletionProtection: data.protect,
      removalPolicy: removalPolicy(data),
    });
    accept(
      pool,
      'Threat protection needs the plan Plus; the plan is Essentials.',
      'AwsSolutions-COG3',
      'AwsSolutions-COG8',
    );
    if (options.mfa !== 'required') {
      accept(pool, `The stage option mfa is ${options.mfa}.`, 'AwsSolutions-COG2');
    }
    return pool;
  }

  /** Adds the client of applications that cannot keep a secret. With the sign-in pages they send a code challenge (PKCE). */
  private client(pool: CognitoPool): UserPoolClient {
    const { signInPages, passwordAuth = false } = this.props.options;
    return pool.addClient('Client', {
      generateSecret: false,
      disableOAuth: signInPages === undefined,
      ...(signInPages && {
        oAuth: {
          flows: { authorizationCodeGrant: true },
          scopes: [OAuthScope.OPENID, OAuthScope.EMAIL, OAuthScope.PROFILE],
          callbackUrls: [...signInPages.callbackUrls],
          logoutUrls: [...(signInPages.logoutUrls ?? [])],
        },
      }),
      authFlows: { userSrp: true, userPassword: passwordAuth },
      supportedIdentityProviders: [UserPoolClientIdentityProvider.COGNITO],
      // An unknown user is answered as a wrong password is.
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      accessTokenValidity: ACCESS_TOKEN,
      idTokenValidity: ACCESS_TOKEN,
      refreshTokenValidity: REFRESH_TOKEN,
      // An application changes nothing that the service relies on.
      readAttributes: new ClientAttributes().withStandardAttributes({
        email: true,
        emailVerified: true,
        fullname: true,
      }),
      writeAttributes: new ClientAttributes().withStandardAttributes({ email: true, fullname: true }),
    });
  }
}
