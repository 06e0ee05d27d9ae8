// An identity provider that is not ours (oidc-provider), for tests: node provider.mjs REDIRECT_URI. Prints its issuer.
// Whoever signs in as NAME belongs to the groups that NAME says: "li.desk.night" is in desk and night.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'linli', client_secret: 'a secret & more: of 48 letters', redirect_uris: [process.argv[2]],
      grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'client_secret_basic',
    }],
    cookies: { keys: ['for tests alone'] },
    claims: { openid: ['sub', 'groups'], profile: ['name'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: sub.split('.')[0], groups: sub.split('.').slice(1) }),
    }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
