// Package rules is what Rollcall judges by: one file of Rego a rule, and the libraries that they share in lib. Package
// engine says how a rule is written, and runs them.
package rules

import "embed"

//go:generate go run github.com/rollcall-dev/rollcall/tools/gendocs

// Files are the rules and their libraries, with their tests.
//
//go:embed *.rego lib/*.rego
var Files embed.FS

// Docs is where the rules are documented, but for the rule's ID.
const Docs = "https://github.com/rollcall-dev/rollcall/blob/main/docs/rules.md#"
