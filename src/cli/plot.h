/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A picture of lines, as SVG: panels one above the other, each with two logarithmic axes (powers of two from left to right, of
 * ten upwards). Each line has its name at its right end, and each point its numbers where a pointer rests on it.
 */
#ifndef ORIEL_CLI_PLOT_H
#define ORIEL_CLI_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Writes a number of an axis with its unit, for people: "64 KiB". */
typedef void (*plot_name_fn)(double number, char *text, size_t size);

typedef struct plot_point {
    double x, y; /* above 0, or else it is left out */
} plot_point;

typedef struct plot_line {
    const char *label;
    uint32_t style; /* colour and marker: the same thing has the same in all panels */
    bool level;     /* has one point, whose y holds for all x */
    const plot_point *point;
    uint32_t points;
} plot_line;

typedef struct plot_panel {
    const char *title, *note; /* one line each */
    plot_name_fn name;        /* of y */
    const plot_line *line;
    uint32_t lines;
} plot_panel;

typedef struct plot_picture {
    const char *title, *note, *second_note;
    const char *x_title;
    plot_name_fn x_name;
    const plot_panel *panel;
    uint32_t panels;
} plot_picture;

/* Everything is borrowed. That `file` took it is the caller's to find out (ferror). */
void plot_write(const plot_picture *picture, FILE *file);

#endif
