// Reads an item from DynamoDB with the SDK. A minimal version of Lambda's Node runtime loop follows.

import http from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';

const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = `${process.env.TABLE_PREFIX}items`;

async function handler(event) {
  const { Item } = await client.send(
    new GetCommand({ TableName, Key: { id: event.pathParameters.id }, ConsistentRead: true }),
  );
  if (!Item) {
    return { statusCode: 404, body: null };
  }
  console.log(JSON.stringify({ level: 'INFO', requestId: event.requestContext.requestId }));
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(Item) };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, agent, path: `/2018-06-01/runtime/invocation/${path}` });
    request.on('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(parts) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

for (;;) {
  const { headers, body } = await call('GET', 'next');
  const result = await handler(JSON.parse(body));
  await call('POST', `${headers['lambda-runtime-aws-request-id']}/response`, JSON.stringify(result));
}
