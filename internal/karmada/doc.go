// Package karmada says what a Karmada control plane refuses of an object: what the schemas of its CRDs do, and what
// karmada-webhook does after them. It looks at one object alone, as Git has it, and asks nobody.
// What is not known is taken to be right: a text with a variable in it, and a value that was taken out
// because it may be secret.
package karmada
