package keeper

import (
	"fmt"
	"strings"
	"syscall"

	"holdfast"
)

type namedSignal struct {
	name   string
	number syscall.Signal
}

// signals are those with one name on every system we build for.
func signals() []namedSignal {
	return []namedSignal{
		{name: "SIGHUP", number: syscall.SIGHUP},
		{name: "SIGINT", number: syscall.SIGINT},
		{name: "SIGQUIT", number: syscall.SIGQUIT},
		{name: "SIGILL", number: syscall.SIGILL},
		{name: "SIGTRAP", number: syscall.SIGTRAP},
		{name: "SIGABRT", number: syscall.SIGABRT},
		{name: "SIGBUS", number: syscall.SIGBUS},
		{name: "SIGFPE", number: syscall.SIGFPE},
		{name: "SIGKILL", number: syscall.SIGKILL},
		{name: "SIGUSR1", number: syscall.SIGUSR1},
		{name: "SIGSEGV", number: syscall.SIGSEGV},
		{name: "SIGUSR2", number: syscall.SIGUSR2},
		{name: "SIGPIPE", number: syscall.SIGPIPE},
		{name: "SIGALRM", number: syscall.SIGALRM},
		{name: "SIGTERM", number: syscall.SIGTERM},
		{name: "SIGCONT", number: syscall.SIGCONT},
		{name: "SIGSTOP", number: syscall.SIGSTOP},
		{name: "SIGTSTP", number: syscall.SIGTSTP},
		{name: "SIGTTIN", number: syscall.SIGTTIN},
		{name: "SIGTTOU", number: syscall.SIGTTOU},
		{name: "SIGXCPU", number: syscall.SIGXCPU},
		{name: "SIGXFSZ", number: syscall.SIGXFSZ},
		{name: "SIGVTALRM", number: syscall.SIGVTALRM},
		{name: "SIGPROF", number: syscall.SIGPROF},
		{name: "SIGWINCH", number: syscall.SIGWINCH},
		{name: "SIGSYS", number: syscall.SIGSYS},
	}
}

// parseSignal reads "SIGTERM" or "TERM", in any case.
func parseSignal(text string) (syscall.Signal, error) {
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG")
	for _, s := range signals() {
		if s.name == name {
			return s.number, nil
		}
	}
	return 0, fmt.Errorf("%q is not the name of a signal", text)
}

func nameSignal(number syscall.Signal) string {
	for _, s := range signals() {
		if s.number == number {
			return s.name
		}
	}
	return fmt.Sprintf("signal %d", int(number))
}

func statusOf(status syscall.WaitStatus) holdfast.ExitStatus {
	if status.Signaled() {
		return holdfast.ExitStatus{Signal: nameSignal(status.Signal())}
	}
	return holdfast.ExitStatus{Code: status.ExitStatus()}
}
