//go:build unix && !linux

package controlplane

import "syscall"

// tied is for a process that is killed with all its children. Only Linux kills it where the test is killed.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
