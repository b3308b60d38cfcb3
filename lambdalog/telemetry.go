package lambdalog

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// TelemetryVariable names the environment variable with the number of the descriptor on
// which Lambda takes framed log records:
//
//	offset  size  content
//	0       4     0xa55a0002 for JSON, 0xa55a0003 for text, or-ed with the level
//	4       4     n, the length of the record in bytes
//	8       8     the record's time in microseconds since 1970
//	16      n     the record
//
// Numbers are big-endian. A framed record is one event, even if it has several lines.
const TelemetryVariable = "_LAMBDA_TELEMETRY_LOG_FD"

// The types of a frame's record.
const (
	frameJSON uint32 = 0xa55a0002
	frameText uint32 = 0xa55a0003
)

// Telemetry writes framed log records.
type Telemetry struct {
	w io.Writer
}

// OpenTelemetry opens the descriptor whose number is value, that of TelemetryVariable. It
// returns nil if value is empty. Child processes do not inherit the descriptor.
func OpenTelemetry(value string) (*Telemetry, error) {
	if value == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 0 {
		return nil, fmt.Errorf("%s=%q: not the number of a file descriptor", TelemetryVariable, value)
	}
	// If Lambda passed no such descriptor, the number may by now be one that Go's runtime
	// opened for itself. Those have no file type.
	var stat unix.Stat_t
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil {
		err = unix.Fstat(fd, &stat)
	}
	if err != nil || stat.Mode&unix.S_IFMT == 0 || flags&unix.O_ACCMODE == unix.O_RDONLY {
		return nil, fmt.Errorf("%s=%q: not a file descriptor that is open for writing", TelemetryVariable, value)
	}
	unix.CloseOnExec(fd)
	return &Telemetry{w: newSpool(os.NewFile(uintptr(fd), "telemetry log"))}, nil
}

// write writes a frame. After an error, write no more: the reader can no longer find the
// frame boundaries.
func (t *Telemetry) write(kind uint32, level slog.Level, at time.Time, record []byte) error {
	frame := make([]byte, 0, 16+len(record))
	frame = binary.BigEndian.AppendUint32(frame, kind|levels[level].frame)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(record)))
	frame = binary.BigEndian.AppendUint64(frame, uint64(at.UnixMicro()))
	_, err := t.w.Write(append(frame, record...))
	return err
}
