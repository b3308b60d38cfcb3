package main

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

// telemetryVariable names the descriptor on which Lambda takes log records in frames:
//
//	offset  size  what
//	0       4     0xa55a0002 for JSON, 0xa55a0003 for text, or-ed with the level
//	4       4     n, the length of the record
//	8       8     when it was made: microseconds since 1970
//	16      n     the record
//
// The numbers are big-endian. A record in a frame is one event, even of several lines.
const telemetryVariable = "_LAMBDA_TELEMETRY_LOG_FD"

// The types of a frame's record.
const (
	frameJSON uint32 = 0xa55a0002
	frameText uint32 = 0xa55a0003
)

// frameLevels are what slog's levels are in a frame's type.
var frameLevels = map[slog.Level]uint32{
	levelTrace:      0x4,
	slog.LevelDebug: 0x8,
	slog.LevelInfo:  0xc,
	slog.LevelWarn:  0x10,
	slog.LevelError: 0x14,
	levelFatal:      0x18,
}

// A telemetryLog writes frames.
type telemetryLog struct {
	w io.Writer
}

// openTelemetryLog opens the descriptor that the environment names, nil if it names
// none. It is for this process only: R and its children do not inherit it.
func openTelemetryLog(getenv func(string) string) (*telemetryLog, error) {
	value := getenv(telemetryVariable)
	if value == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 0 {
		return nil, fmt.Errorf("%s is %q: not the number of a file descriptor", telemetryVariable, value)
	}
	// What is not open by now may be one of Go's own descriptors, which have no type.
	var stat unix.Stat_t
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil {
		err = unix.Fstat(fd, &stat)
	}
	if err != nil || stat.Mode&unix.S_IFMT == 0 || flags&unix.O_ACCMODE == unix.O_RDONLY {
		return nil, fmt.Errorf("%s is %d: no file descriptor that is open for writing", telemetryVariable, fd)
	}
	unix.CloseOnExec(fd)
	return &telemetryLog{w: os.NewFile(uintptr(fd), "telemetry log")}, nil
}

// write writes a frame. After an error no other can be written: it would not be taken
// for the beginning of a frame.
func (t *telemetryLog) write(kind uint32, level slog.Level, at time.Time, record []byte) error {
	frame := make([]byte, 0, 16+len(record))
	frame = binary.BigEndian.AppendUint32(frame, kind|frameLevels[level])
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(record)))
	frame = binary.BigEndian.AppendUint64(frame, uint64(at.UnixMicro()))
	_, err := t.w.Write(append(frame, record...))
	return err
}
