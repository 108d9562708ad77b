// Package site carries the bundled logs of real servers that the demonstration site replays. README.md one folder up
// names their sources and licences; truth.json in each folder says what was provoked.
package site

import "embed"

// Logs holds the logs by folder and name, such as nginx/access.log.
//
//go:embed */*.log */*.log.1 */*.json
var Logs embed.FS
