package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// fallocate takes blocks for a file without writing them.
func fallocate(f *os.File, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.EOPNOTSUPP):
			return fmt.Errorf("allocate: %w", errors.ErrUnsupported)
		default:
			return err
		}
	}
}
