/* SPDX-License-Identifier: Apache-2.0 */
#include "image/font.h"

/* A path is a list of commands, an upper-case letter and its points. A point is two characters, x
 * and y, each 0..9 or a..i for 10..18.
 *   M  moves to the first point and draws lines to the rest
 *   L  draws lines from where the pen is
 *   Q  draws quadratic curves: a control point and an end point each */
typedef struct font_glyph {
    unsigned char width;
    const char *path;
} font_glyph;

/* The bowls that several small letters share: open to the right stem, open to the left stem. */
#define LEFT_BOWL "M89Q8545Q0509L0aQ0e4eQ8e8a"
#define RIGHT_BOWL "M09Q0545Q8589L8aQ8e4eQ0e0a"

static const font_glyph glyphs[] = {
    {3, ""},                                                            /* space */
    {0, "M0009M0e0e"},                                                  /* ! */
    {3, "M0004M3034"},                                                  /* " */
    {10, "M402eM806eM15a5M0999"},                                       /* # */
    {10, "M93Q8252Q0204Q0657Qa8aaQac5cQ1c0aM505e"},                     /* $ */
    {12, "M30Q0003Q0636Q6663Q6030Mb01eM98Q686bQ6e9eQcecbQc898"},        /* % */
    {10, "Mae24Q1040Q7073Q7537Q080bQ0e4eQ8ea8"},                        /* & */
    {0, "M0004"},                                                       /* ' */
    {3, "M30Q0308Q0d3g"},                                               /* ( */
    {3, "M00Q3338Q3d0g"},                                               /* ) */
    {8, "M4048M0286M0682"},                                             /* * */
    {8, "M454dM0989"},                                                  /* + */
    {1, "M1e0h"},                                                       /* , */
    {5, "M0959"},                                                       /* - */
    {0, "M0e0e"},                                                       /* . */
    {6, "M600g"},                                                       /* / */
    {8, "M40Q0006L08Q0e4eQ8e88L86Q8040"},                               /* 0 */
    {8, "M13505eM2e8e"},                                                /* 1 */
    {8, "M04Q0040Q8084Q8759L0e8e"},                                     /* 2 */
    {8, "M02Q1040Q7073Q7646L36M46Q868aQ8e4eQ1e0b"},                     /* 3 */
    {8, "M6e600a8a"},                                                   /* 4 */
    {8, "M701006Q2545Q8589L8aQ8e4eQ1e0b"},                              /* 5 */
    {8, "M70Q0009L0aQ0e4eQ8e8aL89Q8545Q0509"},                          /* 6 */
    {8, "M00803e"},                                                     /* 7 */
    {8, "M40Q1013Q1646Q7673Q7040M46Q060aQ0e4eQ8e8aQ8646"},              /* 8 */
    {8, "M1eQ8e85L84Q8040Q0004L05Q0949Q8985"},                          /* 9 */
    {0, "M0606M0e0e"},                                                  /* : */
    {1, "M1616M1e0h"},                                                  /* ; */
    {8, "M85098d"},                                                     /* < */
    {8, "M0686M0b8b"},                                                  /* = */
    {8, "M05890d"},                                                     /* > */
    {8, "M03Q0040Q8083Q8647L49M4e4e"},                                  /* ? */
    {13, "M99Q9666Q3639Q3c6cQ9c99M969aQ9cbcQdcd8Qd272Q0209Q0g7gQ9gaf"}, /* @ */
    {10, "M0e50aeM2989"},                                               /* A */
    {10, "M000eM0050Q9093L94Q9757L07M57Qa7aaLabQae6eL0e"},              /* B */
    {10, "Ma3Q9060Q0006L08Q0e6eQ9eab"},                                 /* C */
    {10, "M0040Qa0a6La8Qae4eL0e00"},                                    /* D */
    {8, "M80000e8eM0777"},                                              /* E */
    {8, "M80000eM0777"},                                                /* F */
    {10, "Ma3Q9060Q0006L08Q0e6eQaeabLa868"},                            /* G */
    {10, "M000eMa0aeM07a7"},                                            /* H */
    {0, "M000e"},                                                       /* I */
    {7, "M707aQ7e3eQ0e0b"},                                             /* J */
    {9, "M000eM9009M369e"},                                             /* K */
    {8, "M000e8e"},                                                     /* L */
    {12, "M0e006bc0ce"},                                                /* M */
    {10, "M0e00aea0"},                                                  /* N */
    {12, "M60Q0006L08Q0e6eQcec8Lc6Qc060"},                              /* O */
    {9, "M0e0050Q9094Q9858L08"},                                        /* P */
    {12, "M60Q0006L08Q0e6eQcec8Lc6Qc060M8acf"},                         /* Q */
    {9, "M0e0050Q9094Q9858L08M489e"},                                   /* R */
    {9, "M93Q8050Q0003Q0657Q989bQ9e5eQ1e0b"},                           /* S */
    {10, "M00a0M505e"},                                                 /* T */
    {10, "M0009Q0e5eQaea9La0"},                                         /* U */
    {10, "M005ea0"},                                                    /* V */
    {14, "M004e71aee0"},                                                /* W */
    {10, "M00aeMa00e"},                                                 /* X */
    {10, "M0057a0M575e"},                                               /* Y */
    {9, "M00900e9e"},                                                   /* Z */
    {3, "M30000g3g"},                                                   /* [ */
    {6, "M006g"},                                                       /* \ */
    {3, "M00303g0g"},                                                   /* ] */
    {8, "M054085"},                                                     /* ^ */
    {9, "M0g9g"},                                                       /* _ */
    {2, "M0023"},                                                       /* ` */
    {8, "M858e" LEFT_BOWL},                                             /* a */
    {8, "M000e" RIGHT_BOWL},                                            /* b */
    {7, "M77Q6545Q0509L0aQ0e4eQ6e7c"},                                  /* c */
    {8, "M808e" LEFT_BOWL},                                             /* d */
    {8, "M0989Q8545Q0509L0aQ0e4eQ6e7c"},                                /* e */
    {5, "M50Q2023L2eM0555"},                                            /* f */
    {8, "M858eQ8i4iQ1i0h" LEFT_BOWL},                                   /* g */
    {7, "M000eM09Q0545Q7579L7e"},                                       /* h */
    {0, "M050eM0101"},                                                  /* i */
    {2, "M252fQ2i0iM2121"},                                             /* j */
    {7, "M000eM750bM387e"},                                             /* k */
    {2, "M000bQ0e2e"},                                                  /* l */
    {12, "M050eM08Q0535Q6568L6eM68Q6595Qc5c8Lce"},                      /* m */
    {7, "M050eM09Q0545Q7579L7e"},                                       /* n */
    {8, "M45Q0509L0aQ0e4eQ8e8aL89Q8545"},                               /* o */
    {8, "M050i" RIGHT_BOWL},                                            /* p */
    {8, "M858i" LEFT_BOWL},                                             /* q */
    {5, "M050eM09Q0545L55"},                                            /* r */
    {7, "M67Q5535Q0507Q0939Q797bQ7e3eQ1e0c"},                           /* s */
    {5, "M212bQ2e5eM0555"},                                             /* t */
    {7, "M050aQ0e3eQ7e7aM757e"},                                        /* u */
    {8, "M054e85"},                                                     /* v */
    {12, "M053e669ec5"},                                                /* w */
    {7, "M057eM750e"},                                                  /* x */
    {8, "M054eM852i"},                                                  /* y */
    {7, "M05750e7e"},                                                   /* z */
    {4, "M40Q2023L25Q2808Q282bL2dQ2g4g"},                               /* { */
    {0, "M000h"},                                                       /* | */
    {4, "M00Q2023L25Q2848Q282bL2dQ2g0g"},                               /* } */
    {8, "M0aQ2749Q6b88"},                                               /* ~ */
};

/* Straight pieces of a curve. */
#define PIECES 6

typedef struct font_pen {
    samc_stroke *strokes;
    size_t count;
    float x, y;
} font_pen;

static void draw_line(font_pen *pen, float x, float y)
{
    if (pen->count < SAMC_FONT_MAX_SEGMENTS)
        pen->strokes[pen->count++] = (samc_stroke){pen->x, pen->y, x, y};
    pen->x = x;
    pen->y = y;
}

static void draw_curve(font_pen *pen, float control_x, float control_y, float x, float y)
{
    const float x0 = pen->x;
    const float y0 = pen->y;

    for (int i = 1; i <= PIECES; i++) {
        const float t = (float)i / PIECES;
        const float a = (1 - t) * (1 - t);
        const float b = 2 * t * (1 - t);

        draw_line(pen, a * x0 + b * control_x + t * t * x, a * y0 + b * control_y + t * t * y);
    }
}

static float coordinate(char digit)
{
    return (float)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

size_t samc_font_glyph(int character, samc_stroke strokes[SAMC_FONT_MAX_SEGMENTS], float *width)
{
    const int known = character >= ' ' && character <= '~';
    const font_glyph *glyph = &glyphs[(known ? character : '?') - ' '];
    const char *p = glyph->path;
    font_pen pen = {strokes, 0, 0, 0};
    char command = 'M';

    *width = (float)glyph->width;
    while (*p) {
        if (*p >= 'A' && *p <= 'Z') {
            command = *p++;
            if (command == 'M') {
                pen.x = coordinate(p[0]);
                pen.y = coordinate(p[1]);
                p += 2;
                command = 'L';
            }
        } else if (command == 'L') {
            draw_line(&pen, coordinate(p[0]), coordinate(p[1]));
            p += 2;
        } else {
            draw_curve(&pen, coordinate(p[0]), coordinate(p[1]), coordinate(p[2]),
                       coordinate(p[3]));
            p += 4;
        }
    }
    return pen.count;
}
