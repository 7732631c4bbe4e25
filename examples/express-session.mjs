/**
 * Sessions of an Express application in Shoal. They outlive the application, and all its processes share them:
 *
 *     npx shoal serve &
 *     node examples/express-session.mjs
 *     curl -c cookies -b cookies http://127.0.0.1:3000/    # again and again
 */
import express from 'express';
import session from 'express-session';
import { ShoalClient } from 'shoal/client';
import { ShoalStore } from 'shoal/express-session';

const client = await ShoalClient.connect({ nodes: [process.argv[2] ?? '127.0.0.1:7600'] });
const app = express();
app.use(
  session({
    store: new ShoalStore({ client, prefix: 'shop:' }),
    secret: process.env.SESSION_SECRET ?? 'only for this example',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 3_600_000 },
  }),
);
app.get('/', (request, response) => {
  request.session.views = (request.session.views ?? 0) + 1;
  response.send(`You were here ${request.session.views} times.\n`);
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
process.once('SIGTERM', () => {
  server.close(() => void client.close());
  server.closeIdleConnections();
});
