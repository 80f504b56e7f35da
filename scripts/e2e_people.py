"""The people of the end-to-end tests: users of the stage's user pool, with real tokens."""

import time
from collections.abc import Callable

from emulator import Emulator, Failure

PASSWORD = "Correct-horse-7"
ADMIN, MEMBER, OTHER = "ADMIN", "MEMBER", "OTHER"
# The validity of an access token, as in cdk/lib/user-pool.ts.
MINUTES = 15
# The authorizer's leeway, and a second more.
LEEWAY_SECONDS = 61


class People:
    """An administrator and two members. Each has a record in `users`, which is needed to own items."""

    def __init__(self, emulator: Emulator, key: Callable[[dict, str], str], client: Callable) -> None:
        self.emulator, self.key, self.client = emulator, key, client
        self.tokens: dict[str, str] = {}
        self.expired, self.expires_at = "", 0.0

    def sign_in(self, outputs: dict[str, str]) -> None:
        """Creates the people. The requests of the tests then have the administrator's token."""
        if not self.emulator.has.tokens:
            return
        self.pool, self.app = outputs["UserPoolId"], outputs["UserPoolClientId"]
        self.cognito = self.client("cognito-idp")
        for name in (ADMIN, MEMBER, OTHER):
            address = f"{name.lower()}@example.com"
            self.cognito.admin_create_user(
                UserPoolId=self.pool,
                Username=address,
                MessageAction="SUPPRESS",
                UserAttributes=[{"Name": "email", "Value": address}, {"Name": "email_verified", "Value": "true"}],
            )
            self.cognito.admin_set_user_password(
                UserPoolId=self.pool, Username=address, Password=PASSWORD, Permanent=True
            )
            self.emulator.token = self.token(address)["AccessToken"]
            user = {"name": name.title(), "email": address}
            key = self.key(outputs, "Premium")
            status, body = self.emulator.request("POST", outputs["ApiId"], "/v1/users", key, user)
            if status != 201:
                raise Failure(f"a new user cannot create the own record: {status} {body}")
            self.tokens[name] = self.emulator.token
        self.cognito.admin_add_user_to_group(UserPoolId=self.pool, Username="admin@example.com", GroupName="admin")
        self.tokens[ADMIN] = self.emulator.token = self.token("admin@example.com")["AccessToken"]
        self.tokens["ID"] = self.token("member@example.com")["IdToken"]
        self.tokens["STRANGER"] = self.strangers_token()
        self.issue_short_token()

    def token(self, address: str, app: str | None = None) -> dict[str, str]:
        """Signs a user in. Returns the tokens."""
        parameters = {"USERNAME": address, "PASSWORD": PASSWORD}
        answer = self.cognito.initiate_auth(
            ClientId=app or self.app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
        )
        return answer["AuthenticationResult"]

    def strangers_token(self) -> str:
        """Returns the token of another application of the same pool."""
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        client = self.cognito.create_user_pool_client(
            UserPoolId=self.pool, ClientName="stranger", ExplicitAuthFlows=flows
        )
        return self.token("member@example.com", client["UserPoolClient"]["ClientId"])["AccessToken"]

    def issue_short_token(self) -> None:
        """Gets a token that is valid for a second, which only the emulator allows."""
        for validity, unit in ((1, "seconds"), (MINUTES, "minutes")):
            self.cognito.update_user_pool_client(
                UserPoolId=self.pool,
                ClientId=self.app,
                AccessTokenValidity=validity,
                TokenValidityUnits={"AccessToken": unit},
            )
            if unit == "seconds":
                self.expired = self.token("member@example.com")["AccessToken"]
                self.expires_at = time.monotonic() + validity

    def refuse_expired(self, outputs: dict[str, str]) -> None:
        """Checks that an expired token, with a valid API key, reaches no function."""
        time.sleep(max(0.0, self.expires_at + LEEWAY_SECONDS - time.monotonic()))
        valid, self.emulator.token = self.emulator.token, self.expired
        status, body = self.emulator.request("GET", outputs["ApiId"], "/v1/items", self.key(outputs, "Premium"))
        self.emulator.token = valid
        if status != 401:
            raise Failure(f"an expired token gets {status}: {body}")
