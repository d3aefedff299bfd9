/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plot.h"

#include <math.h>

/* Pixels. */
#define WIDTH      920.0
#define HEAD       86.0 /* title and notes */
#define LEFT       86.0
#define RIGHT      748.0 /* labels of the lines behind it */
#define PANEL      360.0 /* from one panel to the next: */
#define PANEL_HEAD 44.0
#define AREA       270.0 /* the axes */
#define FOOT       38.0  /* the title of x, below the last */
#define INSET      10.0  /* from the frame to the outermost points */
#define LABEL_STEP 17.0  /* between the names of two lines */

#define MOST_TICKS 11 /* with a name, from left to right */
#define MOST_LINES 16

/* Dark enough for words on white, and told apart by most eyes; the markers serve the others. */
static const char *const colours[] = {"#0b5fa5", "#c2410c", "#15803d", "#8b1a9b", "#111827",
                                      "#7a5c00", "#0e7490", "#be123c", "#6b7280"};
static const char *const markers[] = {"M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-3.5 -3.5h7v7h-7z",
                                      "M0 -4.8l4.6 8h-9.2z", "M0 -5l5 5l-5 5l-5 -5z", "M0 4.8l4.6 -8h-9.2z"};
#define COLOURS (sizeof colours / sizeof colours[0])
#define MARKERS (sizeof markers / sizeof markers[0])

typedef struct plot_range {
    double low, high;
} plot_range;

/* A panel, and where it is. */
typedef struct area {
    const plot_picture *picture;
    const plot_panel *panel;
    FILE *file;
    plot_range x, y;
    double top;
} area;

/* ---- Text ------------------------------------------------------------------------------------------------------- */

static void write_text(FILE *file, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': fputs("&amp;", file); break;
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        default: fputc(*text, file);
        }
    }
}

/* `anchor` is start, middle or end; `more` are further attributes. */
static void text_at(FILE *file, double x, double y, const char *anchor, const char *more, const char *text)
{
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>", x, y, anchor, more);
    write_text(file, text);
    fprintf(file, "</text>\n");
}

/* ---- Axes ------------------------------------------------------------------------------------------------------- */

static double x_of(const area *it, double x)
{
    const double part = log(x / it->x.low) / log(it->x.high / it->x.low);
    return LEFT + INSET + part * (RIGHT - LEFT - 2 * INSET);
}

static double y_of(const area *it, double y)
{
    const double part = log(y / it->y.low) / log(it->y.high / it->y.low);
    return it->top + AREA - INSET - part * (AREA - 2 * INSET);
}

static bool is_shown(const plot_point *point)
{
    return point->x > 0 && point->y > 0 && isfinite(point->x) && isfinite(point->y);
}

/* How many points it has, up to the last that is shown. */
static uint32_t end_of(const plot_line *line)
{
    uint32_t end = line->points;
    while (end > 0 && !is_shown(&line->point[end - 1]))
        end--;
    return end;
}

static void widen(plot_range *range, double number)
{
    range->low = fmin(range->low, number);
    range->high = fmax(range->high, number);
}

/* 1, 2 or 5 times a power of ten: the `index`-th of them, 1 being the 0th. */
static double step_of(int index)
{
    static const double digit[] = {1, 2, 5};
    const int decade = (int)floor(index / 3.0);
    return digit[index - 3 * decade] * pow(10, decade);
}

/* From the last step at or below all, to the first at or above all. */
static plot_range y_range(const plot_panel *panel)
{
    plot_range data = {INFINITY, 0};
    for (uint32_t i = 0; i < panel->lines; i++)
        for (uint32_t k = 0; k < panel->line[i].points; k++)
            if (is_shown(&panel->line[i].point[k]))
                widen(&data, panel->line[i].point[k].y);
    if (data.high == 0)
        return (plot_range){1, 10};
    int low = 3 * (int)floor(log10(data.low)) + 3, high = 3 * (int)floor(log10(data.high));
    while (step_of(low) > data.low)
        low--;
    while (step_of(high) < data.high)
        high++;
    return (plot_range){step_of(low), step_of(low == high ? high + 1 : high)};
}

/* Whole powers of two, of all panels. */
static plot_range x_range(const plot_picture *picture)
{
    plot_range data = {INFINITY, 0};
    for (uint32_t p = 0; p < picture->panels; p++)
        for (uint32_t i = 0; i < picture->panel[p].lines; i++) {
            const plot_line *line = &picture->panel[p].line[i];
            for (uint32_t k = 0; k < line->points && !line->level; k++)
                if (is_shown(&line->point[k]))
                    widen(&data, line->point[k].x);
        }
    if (data.high == 0)
        return (plot_range){1, 1024};
    const double low = floor(log2(data.low)), high = ceil(log2(data.high));
    return low < high ? (plot_range){exp2(low), exp2(high)} : (plot_range){exp2(low - 1), exp2(high + 1)};
}

static void grid_line(const area *it, double x1, double y1, double x2, double y2, bool has_name)
{
    fprintf(it->file, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2,
            has_name ? "#c9ced6" : "#eceef2");
}

static void draw_x_axis(const area *it, bool last)
{
    const int low = (int)lround(log2(it->x.low)), high = (int)lround(log2(it->x.high));
    int each = 1;
    while ((high - low) / each + 1 > MOST_TICKS)
        each++;
    for (int power = low; power <= high; power++) {
        const double x = x_of(it, exp2(power)), bottom = it->top + AREA;
        const bool has_name = (power - low) % each == 0;
        grid_line(it, x, it->top, x, bottom, has_name);
        char name[32];
        it->picture->x_name(exp2(power), name, sizeof name);
        if (has_name)
            text_at(it->file, x, bottom + 18, "middle", "class=\"tick x\"", name);
    }
    if (last)
        text_at(it->file, (LEFT + RIGHT) / 2, it->top + AREA + 40, "middle", "fill=\"#374151\"", it->picture->x_title);
}

/* A line at each digit of each decade; names at 1, or, where that leaves few, at 1, 2 and 5. */
static void draw_y_axis(const area *it)
{
    const bool few = it->y.high / it->y.low < 150;
    const int first = (int)floor(log10(it->y.low) + 1e-9), last = (int)floor(log10(it->y.high) + 1e-9);
    for (int decade = first; decade <= last; decade++)
        for (int digit = 1; digit <= 9; digit++) {
            const double number = digit * pow(10, decade);
            if (number < it->y.low * (1 - 1e-9) || number > it->y.high * (1 + 1e-9))
                continue;
            const double y = y_of(it, number);
            const bool has_name = digit == 1 || (few && (digit == 2 || digit == 5));
            grid_line(it, LEFT, y, RIGHT, y, has_name);
            char name[32];
            it->panel->name(number, name, sizeof name);
            if (has_name)
                text_at(it->file, LEFT - 8, y + 4, "end", "class=\"tick y\"", name);
        }
}

/* ---- Lines ------------------------------------------------------------------------------------------------------ */

/* Left open, for a <title>. */
static void open_marker(FILE *file, const plot_line *line, const char *class, double x, double y)
{
    /* The second round of markers is hollow: five times two, one for each of nine colours. */
    const char *colour = colours[line->style % COLOURS], *fill = line->style / MARKERS % 2 ? "#ffffff" : colour;
    fprintf(file,
            "<path class=\"%s\" transform=\"translate(%.2f %.2f)\" d=\"%s\" fill=\"%s\" stroke=\"%s\" "
            "stroke-width=\"1.5\">",
            class, x, y, markers[line->style % MARKERS], fill, colour);
}

static void draw_points(const area *it, const plot_line *line)
{
    for (uint32_t k = 0; k < line->points; k++) {
        const plot_point *point = &line->point[k];
        if (!is_shown(point))
            continue;
        char x[32], y[32];
        it->picture->x_name(point->x, x, sizeof x);
        it->panel->name(point->y, y, sizeof y);
        open_marker(it->file, line, "point", x_of(it, point->x), y_of(it, point->y));
        fputs("<title>", it->file);
        write_text(it->file, line->label);
        fputs(", ", it->file);
        write_text(it->file, x);
        fputs(": ", it->file);
        write_text(it->file, y);
        fputs("</title></path>\n", it->file);
    }
}

static void draw_line(const area *it, const plot_line *line)
{
    const char *colour = colours[line->style % COLOURS];
    fprintf(it->file, "<path class=\"line\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-linejoin=\"round\"",
            colour);
    if (line->level) {
        const double y = y_of(it, line->point[0].y);
        fprintf(it->file, " stroke-dasharray=\"7 5\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n", LEFT, y, RIGHT, y);
        return;
    }
    fprintf(it->file, " d=\"");
    char move = 'M';
    for (uint32_t k = 0; k < line->points; k++)
        if (is_shown(&line->point[k])) {
            fprintf(it->file, "%c%.2f %.2f", move, x_of(it, line->point[k].x), y_of(it, line->point[k].y));
            move = 'L';
        }
    fprintf(it->file, "\"/>\n");
    draw_points(it, line);
}

/* The name of a line: from its end at `x`, `from` to its place at `to`. */
typedef struct line_label {
    const plot_line *line;
    double x, from, to;
} line_label;

/* Of the lines that have something to show, from the top down. Returns how many. */
static uint32_t find_labels(const area *it, line_label *labels)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < it->panel->lines && count < MOST_LINES; i++) {
        const plot_line *line = &it->panel->line[i];
        const uint32_t end = end_of(line);
        if (end == 0)
            continue;
        const double y = y_of(it, line->point[end - 1].y);
        uint32_t at = count++;
        for (; at > 0 && labels[at - 1].from > y; at--)
            labels[at] = labels[at - 1];
        labels[at] = (line_label){line, line->level ? RIGHT : x_of(it, line->point[end - 1].x), y, y};
    }
    return count;
}

/* Pushes them apart: down from the top, then up again where that went too far. */
static void spread_labels(const area *it, line_label *labels, uint32_t count)
{
    const double bottom = it->top + AREA;
    for (uint32_t i = 1; i < count; i++)
        labels[i].to = fmax(labels[i].to, labels[i - 1].to + LABEL_STEP);
    for (uint32_t i = count; i-- > 0;)
        labels[i].to = fmin(labels[i].to, i + 1 < count ? labels[i + 1].to - LABEL_STEP : bottom);
}

static void draw_labels(const area *it)
{
    line_label labels[MOST_LINES];
    const uint32_t count = find_labels(it, labels);
    spread_labels(it, labels, count);
    for (uint32_t i = 0; i < count; i++) {
        const line_label *label = &labels[i];
        const char *colour = colours[label->line->style % COLOURS];
        fprintf(it->file, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" stroke-width=\"0.8\" opacity=\"0.6\"/>\n",
                fmin(label->x + 6, RIGHT), label->from, RIGHT + 12, label->to, colour);
        if (!label->line->level) {
            open_marker(it->file, label->line, "key", RIGHT + 20, label->to);
            fputs("</path>\n", it->file);
        }
        char attributes[80];
        snprintf(attributes, sizeof attributes, "class=\"label\" fill=\"%s\"", colour);
        text_at(it->file, RIGHT + 29, label->to + 4.5, "start", attributes, label->line->label);
    }
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

static void draw_panel(const area *it, bool last)
{
    text_at(it->file, LEFT, it->top - 14, "start", "class=\"panel\"", it->panel->title);
    text_at(it->file, RIGHT, it->top - 14, "end", "class=\"note\"", it->panel->note);
    draw_x_axis(it, last);
    draw_y_axis(it);
    fprintf(it->file,
            "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
            "stroke=\"#6b7280\"/>\n",
            LEFT, it->top, RIGHT - LEFT, AREA);
    for (uint32_t i = 0; i < it->panel->lines; i++)
        if (end_of(&it->panel->line[i]))
            draw_line(it, &it->panel->line[i]);
    draw_labels(it);
}

void plot_write(const plot_picture *picture, FILE *file)
{
    const double height = HEAD + picture->panels * PANEL + FOOT - (PANEL - PANEL_HEAD - AREA) + 16;
    fprintf(file,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\" font-size=\"13\">\n"
            "<style>.title{font-size:19px;font-weight:bold}.panel{font-size:15px;font-weight:bold}"
            ".note{fill:#4b5563}.tick{font-size:12px;fill:#374151}.label{font-weight:bold}</style>\n<title>",
            WIDTH, height, WIDTH, height);
    write_text(file, picture->title);
    fprintf(file, "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", WIDTH, height);
    text_at(file, LEFT, 34, "start", "class=\"title\"", picture->title);
    text_at(file, LEFT, 57, "start", "class=\"note\"", picture->note);
    text_at(file, LEFT, 76, "start", "class=\"note\"", picture->second_note);
    const plot_range x = x_range(picture);
    for (uint32_t p = 0; p < picture->panels; p++) {
        const area it = {.picture = picture,
                         .panel = &picture->panel[p],
                         .file = file,
                         .x = x,
                         .y = y_range(&picture->panel[p]),
                         .top = HEAD + p * PANEL + PANEL_HEAD};
        draw_panel(&it, p + 1 == picture->panels);
    }
    fprintf(file, "</svg>\n");
}
