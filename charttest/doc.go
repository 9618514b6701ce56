// Package charttest holds the Helm chart in deploy/chart against the overlays beside it, with Helm itself, which
// is built from its module.
package charttest
