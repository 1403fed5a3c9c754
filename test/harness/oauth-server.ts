import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider, type RefreshToken } from "oidc-provider";

/** A client of the server. */
export interface OauthTestClient {
  readonly id: string;
  readonly secret: string;
}

/** A real, certified OAuth server: authorization code (PKCE is demanded), refresh tokens that rotate, client credentials. */
export class OauthServer implements AsyncDisposable {
  readonly url: string;
  readonly client: OauthTestClient = { id: "house+1", secret: "hush: 100% secret+of the/house" };
  /** Tokens issued, by grant. */
  readonly grants: Record<string, number> = {};
  /** How long tokens live from now on. */
  lifeS = 3_600;
  /** Answers token requests with 503 while it is set. */
  isDown = false;
  /** Requests to the token endpoint so far, whatever came of them. */
  asked = 0;
  /** Requests to the token endpoint under way wait until it resolves. */
  delay: Promise<unknown> = Promise.resolve();
  readonly #server: Server;
  readonly #refreshTokens = new Set<RefreshToken>();

  private constructor(server: Server, redirectUri: string) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = this.#provider(redirectUri);
    const answer = provider.callback();
    server.on("request", (request, response) => {
      if (request.url?.startsWith("/token") !== true) return void answer(request, response);
      this.asked += 1;
      void this.delay.then(() => {
        if (!this.isDown) return void answer(request, response);
        response.writeHead(503).end("busy");
      });
    });
  }

  /** Starts one that sends people back to a gateway. */
  static async start(redirectUri: string): Promise<OauthServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new OauthServer(server, redirectUri);
  }

  #provider(redirectUri: string): Provider {
    const { id, secret } = this.client;
    const client = {
      client_id: id,
      client_secret: secret,
      redirect_uris: [redirectUri],
      response_types: ["code" as const],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
    };
    const provider = new Provider(this.url, {
      clients: [client],
      clockTolerance: 0,
      cookies: { keys: ["of the test"] },
      features: { clientCredentials: { enabled: true }, devInteractions: { enabled: true } },
      findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
      issueRefreshToken: () => true,
      pkce: { required: () => true },
      rotateRefreshToken: true,
      scopes: ["openid", "read", "write"],
      ttl: { AccessToken: () => this.lifeS, ClientCredentials: () => this.lifeS, RefreshToken: 86_400 },
    });
    provider.on("grant.success", ({ oidc }) => {
      const grant = String(oidc.params?.["grant_type"]);
      this.grants[grant] = (this.grants[grant] ?? 0) + 1;
    });
    provider.on("refresh_token.saved", (token) => this.#refreshTokens.add(token));
    return provider;
  }

  /** No refresh token that it has given works any more. */
  async withdraw(): Promise<void> {
    await Promise.all([...this.#refreshTokens].map((token) => token.destroy()));
  }

  /** An app of the house for this server. */
  app(name: string, auth: "oauth" | "client_credentials" = "oauth"): Record<string, unknown> {
    return {
      name,
      title: `App ${name}`,
      auth,
      oauth: {
        ...(auth === "oauth" && { authorizationUrl: `${this.url}/auth` }),
        tokenUrl: `${this.url}/token`,
        scopes: auth === "oauth" ? ["openid", "read"] : ["read"],
        ...(auth === "oauth" && { authorizationParams: { prompt: "consent" } }),
      },
      tests: [{ url: `${this.url}/me`, headers: { authorization: "Bearer {{oauth_access_token}}" } }],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
