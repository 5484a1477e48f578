// A tus server as its makers publish it: node tus.mjs PORT DIRECTORY PACKAGES
// Uploads are named as their metadata says; they are as long as they will be.
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const [port, directory, packages] = process.argv.slice(2)
const from = createRequire(pathToFileURL(`${packages}/`))
const { Server } = await import(pathToFileURL(from.resolve("@tus/server")))
const { FileStore } = await import(pathToFileURL(from.resolve("@tus/file-store")))

const server = new Server({
    path: "/files",
    datastore: new FileStore({ directory }),
    namingFunction: (request, metadata) => metadata.name,
})
server.listen({ host: "127.0.0.1", port: Number(port) })
