/** What OpenAPI says of the WebSocket, which it has no words for. */
export const REALTIME_DESCRIPTION = `Opened as a WebSocket. Every message is a JSON object with a \`type\`, at most 4 KB from the client.

The first message of the client, within 5 seconds, is \`{"type": "auth", "token": "…", "lastSeenId": "…"}\`; a token never
belongs in the address. With \`lastSeenId\`, the id of the last notification that the client has, what it missed follows,
oldest first, from a minute before that one on: the client drops what it has. Then:

| from the server | when |
|---|---|
| \`{"type": "notification", "notification": {…}}\` | one is accepted: as in \`GET /v1/notifications\` |
| \`{"type": "ready", "complete": true}\` | all that was missed is sent; \`complete: false\` when it was too much, or \`lastSeenId\` is not known: read the list |
| \`{"type": "unread-count", "count": 3}\` | after \`ready\`, and when something was read or removed on any device |
| \`{"type": "broadcast-progress", …}\` | to staff who watch a broadcast |
| \`{"type": "ping"}\` | every 30 seconds: answer \`{"type": "pong"}\` within 10 |
| \`{"type": "error", "code": "…"}\` | a message was not understood or not allowed |

| from the client | what it does |
|---|---|
| \`{"type": "read", "id": "…"}\` | as \`POST /v1/notifications/{id}/read\` |
| \`{"type": "auth", "token": "…"}\` | again, with a new token of the same account, before the one before ends |
| \`{"type": "watch", "broadcastId": "…"}\` | staff: follow a broadcast |

| closed with | meaning |
|---|---|
| 1012, 1013 | the server restarts, or has too much to do: come back after a random time of up to 10 s |
| 1009, 4400 | a message is too large, or is not a JSON object |
| 4401 | no token in time, a wrong one, or it has ended: come back with a new one |
| 4403 | the session was ended: sign in again |
| 4408 | no \`pong\` came |
| 4409 | the account has opened too many: the oldest goes |
| 4429 | too many messages |`
