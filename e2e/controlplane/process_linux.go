package controlplane

import "syscall"

// tied is for a process that is killed with all its children, and by the kernel where the test is.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
