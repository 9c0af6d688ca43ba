// What all programs share: they read their task, try each feature of each client, and print what they saw as JSON.

const FEATURES = [
  "chat", "stream", "tools", "tool_stream", "structured", "thought",
  "cancel", "tokens", "overflow", "wrong_key", "models", "embeddings",
];

// Tries every feature that these classes have a method for. They are named as the rows in docs/clients.md.
export async function show(clients) {
  const given = JSON.parse(process.argv[2]);
  const seen = {};
  for (const [name, Client] of Object.entries(clients)) {
    seen[name] = {};
    for (const feature of FEATURES) {
      if (!Client.prototype[feature]) continue;
      const task = { ...given, key: given.keys[name] };
      const wrong = { ...given, key: "wrong", url: given.other_url };
      seen[name][feature] = await tried(new Client(feature === "wrong_key" ? wrong : task), feature);
    }
  }
  console.log(JSON.stringify(seen));
}

async function tried(client, feature) {
  try {
    return { seen: await client[feature]() };
  } catch (error) {
    return { failed: String(error?.stack ?? error) };
  }
}
